"""A local git repository as a forge: no account, no network.

A fix is pushed to it as a branch; no pull request is opened.
"""

import hashlib
import os
from pathlib import Path
from urllib.parse import quote

from pipeline.github import ForgeRefused, IssueSnapshot, NewPull, OpenPull, PullRequest, Repository
from pipeline.github.local_checks import read_current_branch, require_complete
from pipeline.job import IssueRef

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

        Raises:
            ForgeRefused: git could not fetch from it.
        """
        branch = read_current_branch(self._path)
        require_complete(self._path)
        return Repository(
            full_name=ref.repository,
            clone_url=str(self._path),
            default_branch=branch,
            archived=False,
            disabled=False,
            has_issues=True,
            push_refusal=None,
            # Not private to its owner, who runs this: the owner installs the same packages.
            private=False,
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
            unread_comments=0,
        )

    def last_edit(self, ref: IssueRef) -> None:
        """Return None: the text was given with the job."""
        return None

    def token(self, repository: str) -> None:
        return None

    def check_credentials(self) -> None:
        """Do nothing: a folder needs no credentials."""

    def push_url(self, ref: IssueRef) -> str:
        return str(self._path)

    def existing_push_url(self, ref: IssueRef) -> str:
        return self.push_url(ref)

    def pull_refusal(self, ref: IssueRef) -> None:
        return None

    def find_pulls(self, ref: IssueRef, branch: str) -> list[PullRequest]:
        return []

    def open_pulls(self, ref: IssueRef) -> list[OpenPull]:
        return []

    def create_pull(self, ref: IssueRef, pull: NewPull) -> PullRequest:
        raise ForgeRefused("a local repository has no pull requests")

    def update_pull(self, ref: IssueRef, number: int, pull: NewPull) -> PullRequest:
        raise ForgeRefused("a local repository has no pull requests")
