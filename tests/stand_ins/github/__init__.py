"""A small, strict GitHub on loopback: REST under ``/api/v3``, git at ``/OWNER/NAME.git``, with
tokens checked.

with GithubStandIn(folder) as github:
    github.add_repository("octo/sample", {"README.md": "hello\\n"})
    github.add_issue("octo/sample", "It is broken", "It should not be.")
    forge = GithubForge(github.connect(WRITE_TOKEN))
"""

import re
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from pipeline.github.connection import Connection, Tokens
from pipeline.github.write_pace import WritePace
from tests.stand_ins.github.accounts import Accounts
from tests.stand_ins.github.apps import Apps
from tests.stand_ins.github.checks import Checks
from tests.stand_ins.github.conformance import Conformance
from tests.stand_ins.github.description import github_description
from tests.stand_ins.github.etags import ETags
from tests.stand_ins.github.git_data import GitData
from tests.stand_ins.github.git_http import GitHttp
from tests.stand_ins.github.graphql import GraphQl
from tests.stand_ins.github.rest import Rest
from tests.stand_ins.github.reviews import Reviews
from tests.stand_ins.github.saved_world import SavedWorld, load_world
from tests.stand_ins.github.shapes import WEB, Shapes
from tests.stand_ins.github.webhooks import Webhooks
from tests.stand_ins.github.wire import App, Failure, Planned, Wire
from tests.stand_ins.github.world import Comment, Issue, Pull, Rights, World

WRITE_TOKEN = "ghp_standInWrite0000000000000000000000"
READ_TOKEN = "ghp_standInRead00000000000000000000000"
OUTSIDER_TOKEN = "ghp_standInOutsider0000000000000000000"
TOKENS: Mapping[str, Rights] = {
    WRITE_TOKEN: "write",
    READ_TOKEN: "read",
    OUTSIDER_TOKEN: "outsider",
}


class GithubStandIn:
    def __init__(
        self,
        root: Path,
        *,
        tokens: Mapping[str, Rights] = TOKENS,
        port: int = 0,
        state: Path | None = None,
    ):
        """``state`` is a file that keeps the data for the next stand-in on the same folder."""
        root.mkdir(parents=True, exist_ok=True)
        saved = load_world(state) if state else None
        self._world = saved or World(root.absolute(), tokens)
        self._socket = socket.socket()
        # Each response is two writes, and the second would wait 40 ms for the client.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The next stand-in may take the port while connections to this one fade.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self._socket.listen(64)  # from here on clients may connect; they wait until the server runs
        self.origin = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.api_url = f"{self.origin}/api/v3"
        app = FastAPI(openapi_url=None)
        shapes = Shapes(self.origin)
        self._apps = Apps(self._world, shapes)
        self._apps.attach(app)
        rest = Rest(self._world, shapes)
        accounts = Accounts(rest, self._world, shapes)
        accounts.attach(app)
        self.reviews = Reviews(self._world, shapes, rest)
        self.reviews.attach()
        self.git_data = GitData(self._world, shapes, rest)
        self.git_data.attach()
        self.webhooks = Webhooks(self._world, shapes, self.reviews)
        self.checks = Checks(self._world, shapes, rest)
        self.checks.attach(app)
        GraphQl(rest, accounts).attach(app)
        rest.attach(app)
        GitHttp(self._world).attach(app)
        self._conformance = Conformance(ETags(app), github_description())
        self.wire = Wire(self._conformance)
        self.requests = self.wire.requests
        served: App = self.wire
        self._saved = SavedWorld(self.wire, self._world, state) if state else None
        if self._saved:
            served = self._saved
        config = uvicorn.Config(served, log_config=None, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="github-stand-in"
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        if self._conformance.mismatches:
            mismatches = "\n".join(dict.fromkeys(self._conformance.mismatches))
            raise AssertionError(f"this differs from GitHub's API:\n{mismatches}")

    def save(self) -> None:
        """Save the data, if a file keeps them: requests save them anyway."""
        if self._saved:
            self._saved.save()

    def connect(self, token: str | Tokens) -> Connection:
        """Return a connection that does not pause between writes."""
        access = SecretStr(token) if isinstance(token, str) else token
        return Connection(api_url=self.api_url, token=access, pace=WritePace(0.0))

    def make_fetches_endless(self, owner: str) -> None:
        """Give the fetches from an owner's repositories no response until their clients go."""
        self._world.slow_owners.add(owner)

    @property
    def waiting_fetches(self) -> int:
        """Endless fetches whose clients wait now."""
        return self._world.waiting_fetches

    def add_repository(
        self,
        full_name: str,
        files: Mapping[str, str | bytes] | Path,
        *,
        default_branch: str = "main",
        archived: bool = False,
        private: bool = False,
        collaborators: Sequence[str] = (),
    ) -> str:
        """Add a repository from texts, from a folder, or from a local git repository with its
        history. Returns the clone URL.
        """
        self._world.add_repository(
            full_name,
            files,
            default_branch=default_branch,
            archived=archived,
            private=private,
            collaborators=set(collaborators),
        )
        return f"{self.origin}/{full_name}.git"

    def add_issue(
        self,
        full_name: str,
        title: str,
        body: str | None,
        *,
        author: str | None = "reporter",
        comments: Sequence[tuple[str, str] | str] = (),
        state: str = "open",
        locked: bool = False,
        assignees: Sequence[str] = (),
        pull_request: bool = False,
    ) -> int:
        """Add an issue and return its number. A comment is its text, or (author, text)."""
        repository = self._world.get(full_name)
        world = self._world
        number = max(repository.issues, default=0) + 1
        pairs = [
            ("reporter", comment) if isinstance(comment, str) else comment for comment in comments
        ]
        repository.issues[number] = Issue(
            world.next_id(),
            number,
            title,
            body,
            author,
            world.timestamp(),
            [self._new_comment(login, text) for login, text in pairs],
            state,
            locked,
            list(assignees),
            is_pull_request=pull_request,
        )
        return number

    def _new_comment(self, author: str, text: str) -> Comment:
        number = self._world.next_id()
        now = self._world.timestamp()
        return Comment(number, author, text, now, now)

    def add_comment(self, full_name: str, number: int, author: str, text: str) -> None:
        self._issue(full_name, number).comments.append(self._new_comment(author, text))

    def edit_comment(self, full_name: str, number: int, index: int, text: str) -> None:
        comment = self._issue(full_name, number).comments[index]
        self._world.next_id()
        comment.body = text
        comment.updated_at = self._world.timestamp()

    def edit_issue(
        self, full_name: str, number: int, *, title: str | None = None, body: str | None = None
    ) -> None:
        """Change the title, the body or both, as their author would on the page."""
        issue = self._issue(full_name, number)
        self._world.next_id()
        if title is not None:
            issue.title = title
            issue.renamed_at.append(self._world.timestamp())
        if body is not None:
            issue.body = body
            issue.edited_at = self._world.timestamp()

    def now(self) -> datetime:
        """Return the time by the stand-in's clock, which only changes to it advance."""
        return self._world.now()

    def _issue(self, full_name: str, number: int) -> Issue:
        return self._world.get(full_name).issues[number]

    def add_pull(
        self, full_name: str, body: str, *, author: str = "stranger", base: str = "main"
    ) -> int:
        """Open a pull request from the author's fork, as a person would, and return its number."""
        world = self._world
        repository = world.get(full_name)
        fork = world.fork(repository, author)
        branch = f"patch-{world.next_id()}"
        head_sha = fork.commit({f"{branch}.txt": "x\n"}, branch, "A change", world.now())
        base_sha = repository.sha(base)
        assert base_sha is not None
        repository.fetch_branch(fork, branch)
        number = self.add_issue(full_name, "A change", body, author=author, pull_request=True)
        issue = repository.issues[number]
        repository.pulls[number] = Pull(issue, branch, base, False, head_sha, base_sha, fork)
        return number

    def add_branch_pull(self, full_name: str, branch: str, body: str, *, author: str) -> int:
        """Open a pull request from a new branch of the repository, and return its number."""
        world = self._world
        repository = world.get(full_name)
        base = repository.default_branch
        base_sha = repository.sha(base)
        assert base_sha is not None
        head_sha = repository.commit({f"{world.next_id()}.txt": "x\n"}, branch, "A", world.now())
        number = self.add_issue(full_name, "A change", body, author=author, pull_request=True)
        issue = repository.issues[number]
        repository.pulls[number] = Pull(issue, branch, base, False, head_sha, base_sha, repository)
        return number

    def issue_url(self, full_name: str, number: int) -> str:
        return f"{WEB}/{full_name}/issues/{number}"

    def delete_issue(self, full_name: str, number: int) -> None:
        self._world.get(full_name).issues[number].deleted = True

    def transfer_issue(self, full_name: str, number: int, to: str) -> int:
        """Move an issue and return its number in the other repository. The old URL redirects."""
        issue = self._world.get(full_name).issues[number]
        target = self._world.get(to)
        new = self.add_issue(to, issue.title, issue.body, author=issue.author)
        issue.moved_to = (target.id, new)
        return new

    def rename_repository(self, full_name: str, to: str) -> None:
        """Rename a repository. The old URL redirects, as on GitHub."""
        repository = self._world.get(full_name)
        self._world.renamed[full_name.lower()] = repository.id
        repository.owner, repository.name = to.split("/")

    def commit(
        self,
        full_name: str,
        files: Mapping[str, str | bytes | None],
        *,
        branch: str = "main",
        message: str = "A change by a person",
    ) -> str:
        """Push a commit as a person would, and return its SHA. None removes a file."""
        return self._world.get(full_name).commit(files, branch, message, self._world.now())

    def install_app(
        self, owner: str, *, app_id: str, public_key: str, permissions: Mapping[str, str]
    ) -> None:
        self._apps.keys[app_id] = public_key
        self._apps.installed[owner] = dict(permissions)

    def subscribe_app(self, *events: str) -> None:
        """Let the App's webhook send these kinds of events."""
        self._apps.events = list(events)

    def suspend_app(self, owner: str) -> None:
        self._apps.suspended.add(owner)

    def forbid_forks(self, full_name: str) -> None:
        self._world.get(full_name).allow_forking = False

    def limit(self, secret: str, **permissions: str) -> None:
        """Make a token a fine-grained one with these permissions, such as ``contents="read"``."""
        self._change_token(secret, permissions=permissions)

    def limit_scopes(self, secret: str, *scopes: str) -> None:
        """Give a classic token these scopes only."""
        self._change_token(secret, scopes=scopes)

    def permissions_of(self, secret: str) -> Mapping[str, str] | None:
        """Return the permissions of a token; None for a classic one."""
        return self._world.tokens[secret].permissions

    def revoke(self, secret: str) -> None:
        del self._world.tokens[secret]

    def _change_token(self, secret: str, **changes: Any) -> None:
        self._world.tokens[secret] = replace(self._world.tokens[secret], **changes)

    def make_private(self, full_name: str) -> None:
        self._world.get(full_name).private = True

    def archive(self, full_name: str) -> None:
        self._world.get(full_name).archived = True

    def disable(self, full_name: str) -> None:
        self._world.get(full_name).disabled = True

    def disable_issues(self, full_name: str) -> None:
        self._world.get(full_name).has_issues = False

    def forbid_drafts(self, full_name: str) -> None:
        self._world.get(full_name).has_drafts = False

    def forbid_pulls(self, full_name: str) -> None:
        """Forbid all tokens to open pull requests, which no permission of theirs shows."""
        self._world.get(full_name).pull_requests_forbidden = True

    def protect(self, full_name: str, branches: str) -> None:
        """Refuse pushes to the branches that match a shell pattern, as a branch rule does."""
        hook = self.path(full_name) / "hooks" / "update"
        hook.parent.mkdir(exist_ok=True)
        text = "error: GH006: Protected branch update failed for $1."
        case = f'case "$1" in refs/heads/{branches}) echo "{text}" >&2; exit 1 ;; esac'
        hook.write_text(f"#!/bin/sh\n{case}\n")
        hook.chmod(0o755)

    def delete_repository(self, full_name: str) -> None:
        repository = self._world.get(full_name)
        del self._world.repositories[repository.id]

    def close_issue(self, full_name: str, number: int) -> None:
        self._world.get(full_name).issues[number].state = "closed"

    def lock_issue(self, full_name: str, number: int) -> None:
        self._world.get(full_name).issues[number].locked = True

    def label(self, full_name: str, number: int, name: str) -> None:
        """Put a label on an issue or a pull request."""
        self._world.get(full_name).issues[number].labels.append(name)

    def assign_issue(self, full_name: str, number: int, login: str) -> None:
        self._world.get(full_name).issues[number].assignees.append(login)

    def close_pull(self, full_name: str, number: int) -> None:
        self._world.get(full_name).pulls[number].issue.state = "closed"

    def merge_pull(self, full_name: str, number: int) -> None:
        self.close_pull(full_name, number)
        self._world.get(full_name).pulls[number].merged = True

    def pulls(self, full_name: str) -> list[Pull]:
        return list(self._world.get(full_name).pulls.values())

    def sha(self, full_name: str, branch: str) -> str | None:
        return self._world.get(full_name).sha(branch)

    def files(self, full_name: str, branch: str) -> dict[str, bytes]:
        return self._world.get(full_name).files(branch)

    def fork_of(self, full_name: str) -> str | None:
        """Return the name of the first fork of a repository; None if there is none."""
        parent = self._world.get(full_name)
        for repository in self._world.repositories.values():
            if repository.parent is parent:
                return repository.full_name
        return None

    def branches(self) -> list[tuple[str, str]]:
        """Return (repository, branch) for every branch."""
        branches: list[tuple[str, str]] = []
        for repository in self._world.repositories.values():
            branches += [(repository.full_name, name) for name in repository.branches()]
        return branches

    def path(self, full_name: str) -> Path:
        """Return the path of the bare repository on disk."""
        return self._world.get(full_name).path

    def fail_next(
        self,
        method: str,
        path: str,
        *,
        status: int | None = 500,
        headers: Mapping[str, str] | None = None,
        message: str = "Server Error",
        after_effect: bool = False,
        times: int = 1,
    ) -> None:
        """Fail the next requests whose method and path (a regex, searched) match.

        ``status=None`` cuts the connection; ``after_effect`` lets the request take effect first and
        then loses the response.
        """
        failure = Failure(status, headers or {}, message, after_effect=after_effect)
        self.wire.planned.append(Planned(method, re.compile(path), failure, times))
