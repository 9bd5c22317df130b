"""A local git repository as a forge: no account, no network. A branch is left there; nothing is
opened.
"""

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import quote

from pipeline.github import ForgeRefused, IssueSnapshot, NewPull, PullRequest, Repository
from pipeline.job import IssueRef
from repository.git import run_git


def local_issue_url(path: Path, text: str) -> str:
    """The address of an issue that is only a text: ``file:///ABSOLUTE/PATH/issues/N``, N from the
    text's hash.
    """
    number = int(hashlib.sha256(text.encode(errors="replace")).hexdigest(), 16) % (10**9 - 1) + 1
    return f"file://{quote(os.fsencode(path.absolute()))}/issues/{number}"


class LocalForge:
    """Implements ``Forge`` for ``path``, with the one issue given."""

    opens_pulls = False

    def __init__(self, path: Path, title: str, body: str):
        self._path = path.absolute()
        self._title = title
        self._body = body

    def repository(self, ref: IssueRef) -> Repository:
        """What a fetch will find: asked with ls-remote, so that what git refuses then is told now."""
        if not self._path.is_dir():
            raise ForgeRefused(f"{self._path} is no folder")
        done = run_git(["ls-remote", "--symref", str(self._path), "HEAD"], cwd=self._path)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise ForgeRefused(
                f"{self._path} is no git repository that can be read:"
                f" {said[0] if said else 'git failed'}"
            )
        told = done.stdout.decode(errors="surrogateescape")
        if not told.strip():
            raise ForgeRefused(f"{self._path} has no commit on the branch that it is on")
        branch = re.search(r"^ref: refs/heads/(.+)\tHEAD$", told, re.M)
        if not branch:
            raise ForgeRefused(f"{self._path} is on no branch (detached HEAD): check one out")
        return Repository(
            full_name=ref.repository,
            clone_url=str(self._path),
            default_branch=branch[1],
            archived=False,
            push_refusal=None,
            private=False,  # to whom works on it; what its tests install, its owner installs too
        )

    def issue(self, ref: IssueRef) -> IssueSnapshot:
        return IssueSnapshot(
            number=ref.number,
            title=self._title,
            body=self._body,
            author="local",
            association="OWNER",
            state="open",
            locked=False,
            assignees=(),
            is_pull_request=False,
            comments=(),
        )

    def token(self, repository: str) -> None:
        return None

    def check_credentials(self) -> None:
        """A folder asks for none."""

    def push_url(self, ref: IssueRef) -> str:
        return str(self._path)

    def find_pulls(self, ref: IssueRef, branch: str) -> list[PullRequest]:
        return []

    def create_pull(self, ref: IssueRef, pull: NewPull) -> PullRequest:
        raise ForgeRefused("a local repository has no pull requests")

    def update_pull(self, ref: IssueRef, number: int, pull: NewPull) -> PullRequest:
        raise ForgeRefused("a local repository has no pull requests")
