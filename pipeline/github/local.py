"""A local git repository as a forge: no account, no network.

A fix is pushed to it as a branch; no pull request is opened.
"""

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import quote

from pipeline.github import ForgeRefused, IssueSnapshot, NewPull, PullRequest, Repository
from pipeline.job import IssueRef
from repository.git import run_git

MAX_NUMBER = 10**9 - 1
"""The highest number given to an issue that exists only as text."""


def local_issue_url(path: Path, text: str) -> str:
    """Return the URL of an issue that exists only as text: ``file:///ABSOLUTE/PATH/issues/N``.

    N is derived from the text's hash.
    """
    digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()
    number = int(digest, 16) % MAX_NUMBER + 1
    return f"file://{quote(os.fsencode(path.absolute()))}/issues/{number}"


class LocalForge:
    """Implements ``Forge`` for the repository at ``path``, with one issue."""

    opens_pulls = False

    def __init__(self, path: Path, title: str, body: str):
        self._path = path.absolute()
        self._title = title
        self._body = body

    def repository(self, ref: IssueRef) -> Repository:
        """Return the repository as a fetch will see it.

        Its branch is read with ls-remote, so a problem that would stop git later is reported now.
        """
        return Repository(
            full_name=ref.repository,
            clone_url=str(self._path),
            default_branch=self._current_branch(),
            archived=False,
            push_refusal=None,
            # Not private to its owner, who runs this: the owner installs the same packages.
            private=False,
        )

    def _current_branch(self) -> str:
        if not self._path.is_dir():
            raise ForgeRefused(f"{self._path} is not a folder")
        process = run_git(["ls-remote", "--symref", str(self._path), "HEAD"], cwd=self._path)
        if process.returncode != 0:
            lines = process.stderr.decode(errors="replace").strip().splitlines()
            reason = lines[0] if lines else "git failed"
            raise ForgeRefused(f"{self._path} is not a readable git repository: {reason}")
        output = process.stdout.decode(errors="surrogateescape")
        if not output.strip():
            raise ForgeRefused(f"{self._path} has no commit on its current branch")
        branch = re.search(r"^ref: refs/heads/(.+)\tHEAD$", output, re.MULTILINE)
        if branch is None:
            raise ForgeRefused(f"{self._path} is on no branch (detached HEAD): check one out")
        return branch[1]

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
        """Do nothing: a folder needs no credentials."""

    def push_url(self, ref: IssueRef) -> str:
        return str(self._path)

    def find_pulls(self, ref: IssueRef, branch: str) -> list[PullRequest]:
        return []

    def create_pull(self, ref: IssueRef, pull: NewPull) -> PullRequest:
        raise ForgeRefused("a local repository has no pull requests")

    def update_pull(self, ref: IssueRef, number: int, pull: NewPull) -> PullRequest:
        raise ForgeRefused("a local repository has no pull requests")
