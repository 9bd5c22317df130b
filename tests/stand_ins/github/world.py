"""The stand-in's data: repositories (bare, on disk), issues, pull requests and tokens."""

import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from tests.stand_ins.github.records import (
    CheckRun,
    CommitStatus,
    LineComment,
    RequiredCheck,
    Review,
)

Rights = Literal["write", "read", "outsider"]
"""write: sees and pushes everything; read: sees everything; outsider: sees public ones."""
_EPOCH = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


Level = Literal["none", "read", "write"]
_LEVELS: tuple[Level, ...] = ("none", "read", "write")


@dataclass(frozen=True)
class Token:
    """A token of a person, classic or fine-grained, or of an App's installation."""

    login: str
    rights: Rights
    """What its person, or the App, may do."""
    scopes: tuple[str, ...] = ("repo",)
    """Of a classic token."""
    permissions: Mapping[str, str] | None = None
    """Of a fine-grained token or an installation's; None for a classic token."""
    repositories: frozenset[str] | None = None
    """The names that it is limited to; None for all. Public ones can be read beside them."""

    def may(self, permission: str, level: Level, repository: "Repository") -> bool:
        """Return whether its own limits allow something, whatever its person may do."""
        is_public_read = level == "read" and not repository.private
        if self.permissions is None:
            needed = {"repo"} if repository.private else {"repo", "public_repo"}
            return is_public_read or bool(needed & set(self.scopes))
        if is_public_read:
            return True
        if self.repositories is not None and repository.full_name not in self.repositories:
            return False
        granted = self.permissions.get(permission, "none")
        return _LEVELS.index(granted) >= _LEVELS.index(level)

    def is_writers(self, repository: "Repository") -> bool:
        """Return whether its person, or the App, may write to the repository."""
        return self.rights == "write" or repository.owner == self.login

    def may_push(self, repository: "Repository") -> bool:
        return self.is_writers(repository) and self.may("contents", "write", repository)

    @property
    def refusal(self) -> str:
        """GitHub's message if its limits forbid something."""
        kind = "integration" if self.login.endswith("[bot]") else "personal access token"
        return f"Resource not accessible by {kind}"


@dataclass
class Comment:
    id: int
    author: str | None
    body: str
    created_at: str
    updated_at: str


@dataclass
class Issue:
    id: int
    number: int
    title: str
    body: str | None
    author: str | None
    """None if the account was deleted; GitHub then sends ``"user": null``."""
    created_at: str
    comments: list[Comment] = field(default_factory=list)
    state: str = "open"
    locked: bool = False
    assignees: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    is_pull_request: bool = False
    deleted: bool = False
    edited_at: str | None = None
    """When its body was last edited."""
    renamed_at: list[str] = field(default_factory=list)
    """When its title was changed, each time."""
    moved_to: tuple[int, int] | None = None
    """(repository id, number) after a transfer."""


@dataclass
class Pull:
    """A pull request; title, body, labels and state live in its issue, as on GitHub."""

    issue: Issue
    head: str
    base: str
    draft: bool
    head_sha: str
    base_sha: str
    source: "Repository"
    """Where the head branch is: the repository itself, or a fork of it."""
    reviewers: list[str] = field(default_factory=list)
    merged: bool = False
    reviews: list[Review] = field(default_factory=list)
    line_comments: list[LineComment] = field(default_factory=list)

    @property
    def number(self) -> int:
        return self.issue.number


@dataclass
class Repository:
    id: int
    owner: str
    name: str
    path: Path
    default_branch: str
    archived: bool
    private: bool
    collaborators: set[str]
    parent: "Repository | None" = None
    """The repository that it is a fork of."""
    allow_forking: bool = True
    disabled: bool = False
    has_issues: bool = True
    has_drafts: bool = True
    pull_requests_forbidden: bool = False
    """By the setting "Allow GitHub Actions to create and approve pull requests"."""
    issues: dict[int, Issue] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    """By login; the owner and collaborators have a role without an entry."""
    custom_roles: dict[str, str] = field(default_factory=dict)
    """Names of an organization's own roles, and the role that each is based on."""
    check_runs: list[CheckRun] = field(default_factory=list)
    statuses: list[CommitStatus] = field(default_factory=list)
    protected_checks: dict[str, list[RequiredCheck]] = field(default_factory=dict)
    """By branch: the checks that its protection requires."""
    rule_checks: dict[str, list[RequiredCheck]] = field(default_factory=dict)
    """By branch: the checks that a ruleset requires."""

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def people(self) -> set[str]:
        """Everybody who has something to do with it."""
        people = {self.owner, *self.collaborators}
        for issue in self.issues.values():
            people.update(issue.assignees)
            authors = [issue.author, *(comment.author for comment in issue.comments)]
            people.update(author for author in authors if author is not None)
        return people

    def sha(self, branch: str) -> str | None:
        process = git(
            self.path,
            "rev-parse",
            "--verify",
            "--quiet",
            f"refs/heads/{branch}^{{commit}}",
            check=False,
        )
        return process.stdout.decode().strip() or None

    def size_kb(self) -> int:
        """Return the size of all objects, rounded down, as a walk over them finds it: a push that
        arrives meanwhile moves its own.
        """
        size = 0
        for folder, _, names in os.walk(self.path / "objects"):
            for name in names:
                with suppress(FileNotFoundError):
                    size += os.stat(f"{folder}/{name}").st_size
        return size // 1000

    def branches(self) -> list[str]:
        listed = git(self.path, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")
        return listed.stdout.decode().splitlines()

    def fetch_branch(self, source: "Repository", branch: str) -> None:
        """Fetch a fork's branch into this repository, as GitHub does for pull requests."""
        git(
            self.path,
            "fetch",
            "--quiet",
            str(source.path),
            f"+refs/heads/{branch}:refs/pull/{source.id}/{branch}",
        )

    def commits_between(self, base: str, head: str) -> int:
        return int(git(self.path, "rev-list", "--count", f"{base}..{head}").stdout)

    def files(self, branch: str) -> dict[str, bytes]:
        listed = git(self.path, "ls-tree", "-r", "-z", f"refs/heads/{branch}").stdout.split(b"\0")
        named = [entry.split(b"\t", 1) for entry in listed if entry]
        return {
            name.decode(): git(self.path, "cat-file", "blob", meta.split()[2].decode()).stdout
            for meta, name in named
            if meta.split()[1] == b"blob"
        }

    def commit(
        self, files: Mapping[str, str | bytes | None], branch: str, message: str, at: datetime
    ) -> str:
        """Commit files (None removes one) to ``branch``; a new one starts at the default branch."""
        stream = [
            f"commit refs/heads/{branch}\ncommitter A Person <person@example.com>"
            f" {int(at.timestamp())} +0000\n"
        ]
        stream.append(f"data {len(message.encode())}\n{message}\n")
        if parent := self.sha(branch) or self.sha(self.default_branch):
            stream.append(f"from {parent}\n")
        out = "".join(stream).encode()
        for path, content in files.items():
            quoted = json.dumps(path, ensure_ascii=False).encode()
            if content is None:
                out += b"D " + quoted + b"\n"
                continue
            data = content.encode() if isinstance(content, str) else content
            out += b"M 100644 inline " + quoted + b"\ndata %d\n" % len(data) + data + b"\n"
        git(
            self.path,
            "fast-import",
            "--quiet",
            "--date-format=raw-permissive",
            stdin=out + b"done\n",
        )
        sha = self.sha(branch)
        assert sha
        return sha


def git(
    folder: Path, *arguments: str, stdin: bytes = b"", check: bool = True
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        check=check,
        env=git_environment(),
    )


def git_environment() -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "gc.auto",
        "GIT_CONFIG_VALUE_0": "0",
    }


class World:
    def __init__(self, root: Path, tokens: Mapping[str, Rights]):
        self.root = root
        self.tokens = {secret: Token(f"{rights}-bot", rights) for secret, rights in tokens.items()}
        self.repositories: dict[int, Repository] = {}
        self.renamed: dict[str, int] = {}
        self.missing_logins: set[str] = set()
        """Accounts that were deleted or never existed."""
        self.slow_owners: set[str] = set()
        """Owners of repositories whose fetches never get a response."""
        self.waiting_fetches = 0
        """Fetches that wait for a response now."""
        self._ids = 1000

    def next_id(self) -> int:
        self._ids += 1
        return self._ids

    def now(self) -> datetime:
        """Return the time by a deterministic clock, which advances at each call."""
        return _EPOCH + timedelta(minutes=self._ids)

    def timestamp(self) -> str:
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def named(self, full_name: str) -> Repository | None:
        return next(
            (r for r in self.repositories.values() if r.full_name.lower() == full_name.lower()),
            None,
        )

    def get(self, full_name: str) -> Repository:
        repository = self.named(full_name)
        if repository is None:
            raise KeyError(f"the stand-in has no repository {full_name}")
        return repository

    def find_login(self, login: str) -> str | None:
        """Return an account's login as it is spelled; None if nobody has it."""
        logins = {token.login for token in self.tokens.values()}
        for repository in self.repositories.values():
            logins |= repository.people
        for known in logins:
            if known.lower() == login.lower():
                return known
        return None

    def fork(self, parent: Repository, login: str) -> Repository:
        """Return the user's fork, creating it as GitHub does: one per user, renamed if needed."""
        if there := next(
            (r for r in self.repositories.values() if r.parent is parent and r.owner == login), None
        ):
            return there
        name = parent.name if self.named(f"{login}/{parent.name}") is None else f"{parent.name}-1"
        fork = self.add_repository(
            f"{login}/{name}",
            parent.path,
            default_branch=parent.default_branch,
            archived=False,
            private=parent.private,
            collaborators=set(),
        )
        fork.parent = parent
        return fork

    def visible(self, repository: Repository | None, token: Token | None) -> bool:
        if repository is None:
            return False
        if not repository.private:
            return True
        if token is None or token.rights == "outsider":
            return False
        if token.repositories is not None and repository.full_name not in token.repositories:
            return False
        return token.permissions is not None or "repo" in token.scopes

    def add_repository(
        self,
        full_name: str,
        source: Mapping[str, str | bytes] | Path,
        *,
        default_branch: str,
        archived: bool,
        private: bool,
        collaborators: set[str],
    ) -> Repository:
        assert self.named(full_name) is None, f"{full_name} exists"
        owner, name = full_name.split("/")
        path = self.root / owner / f"{name}.git"
        path.mkdir(parents=True)
        git(path, "init", "--quiet", "--bare", f"--initial-branch={default_branch}", ".")
        git(path, "config", "http.receivepack", "true")
        git(path, "config", "uploadpack.allowFilter", "true")
        git(path, "config", "uploadpack.allowAnySHA1InWant", "true")
        repository = Repository(
            self.next_id(),
            owner,
            name,
            path,
            default_branch,
            archived,
            private,
            {owner, *collaborators},
        )
        self.repositories[repository.id] = repository
        if isinstance(source, Path) and ((source / ".git").exists() or (source / "HEAD").exists()):
            git(
                path,
                "fetch",
                "--quiet",
                "--update-shallow",
                str(source),
                "+refs/heads/*:refs/heads/*",
                "+refs/tags/*:refs/tags/*",
            )
            return repository
        if isinstance(source, Path):
            source = {
                str(p.relative_to(source)): p.read_bytes()
                for p in sorted(source.rglob("*"))
                if p.is_file()
            }
        if source:
            repository.commit(source, default_branch, "The first commit", self.now())
        return repository
