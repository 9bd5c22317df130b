"""The forge: where issues are read and pull requests are opened."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from pipeline.job import IssueRef

#: The most open pull requests of a repository that are looked at: ten requests.
MAX_OPEN_PULLS = 1000


class Comment(BaseModel):
    model_config = ConfigDict(frozen=True)

    author: str
    association: str
    is_bot: bool
    created_at: datetime
    updated_at: datetime
    """When it was last edited; GitHub may also set it for other changes."""
    body: str


class IssueSnapshot(BaseModel):
    """An issue at one moment. Its texts are unaltered, hidden parts included."""

    model_config = ConfigDict(frozen=True)

    number: int
    title: str
    body: str
    author: str
    association: str
    state: str
    locked: bool
    assignees: tuple[str, ...]
    labels: tuple[str, ...] = ()
    is_pull_request: bool
    comments: tuple[Comment, ...]
    """Oldest first."""
    unread_comments: int
    """Older comments that were not read, because there are too many."""


GHOST = "ghost"
"""GitHub's name for the author of a text whose account was deleted."""


class Repository(BaseModel):
    model_config = ConfigDict(frozen=True)

    full_name: str
    clone_url: str
    default_branch: str
    archived: bool
    disabled: bool
    """By GitHub's staff."""
    has_issues: bool
    push_refusal: str | None
    """The reason why no fix can be pushed, as far as its own data say; None if there is none."""
    private: bool
    size_kb: int = 0
    """The forge's figure for the history of all branches, in kilobytes; 0 if it has none."""


class PullRequest(BaseModel):
    model_config = ConfigDict(frozen=True)

    number: int
    url: str
    state: str
    """open or closed"""
    title: str
    body: str
    head_sha: str
    lacks_drafts: bool = False
    """A draft was asked for, and a plain one was opened: the repository does not support drafts."""


class OpenPull(BaseModel):
    """An open pull request as in a list of all of them."""

    model_config = ConfigDict(frozen=True)

    number: int
    url: str
    author: str
    body: str
    base: str
    """The branch into which it leads."""
    head: str
    """Its branch."""
    is_from_push_repository: bool
    """Whether its branch is in the repository that fixes are pushed to."""


@dataclass(frozen=True)
class NewPull:
    """A pull request to be opened."""

    head: str
    """The branch, in the repository of ``push_url``."""
    base: str
    title: str
    body: str
    draft: bool
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()


class ForgeRefused(Exception):
    """A permanent refusal: not found, not visible to the token, or not allowed.

    The message says which.
    """


class Forge(Protocol):
    """A code host. Methods are synchronous, to be called in threads.

    Each raises ForgeRefused if a retry would not help. Other errors are retried by the engine.
    """

    opens_pulls: bool
    """False for a local repository: it gets a branch, and the run ends as *proposed*."""

    def repository(self, ref: IssueRef) -> Repository: ...

    def issue(self, ref: IssueRef) -> IssueSnapshot: ...

    def last_edit(self, ref: IssueRef) -> datetime | None:
        """Return when the issue's title or body was last changed; None if never."""
        ...

    def token(self, repository: str) -> str | None:
        """Return the token with which git reaches ``repository`` and its fork, if one is needed."""
        ...

    def check_credentials(self) -> None:
        """Raise an error if the credentials are refused or the forge can't be reached."""
        ...

    def push_url(self, ref: IssueRef) -> str:
        """Return the URL that fixes are pushed to, creating a missing fork if one is needed."""
        ...

    def existing_push_url(self, ref: IssueRef) -> str | None:
        """Return the URL that fixes are pushed to; None if it is a fork that does not exist yet."""
        ...

    def pull_refusal(self, ref: IssueRef) -> str | None:
        """Return why no pull request can be opened; None if none is known. Nothing is opened."""
        ...

    def find_pulls(self, ref: IssueRef, branch: str) -> list[PullRequest]:
        """Return every pull request, open or closed, whose head is ``branch``; newest first.

        The branch is in the repository of ``push_url``.
        """
        ...

    def open_pulls(self, ref: IssueRef) -> list[OpenPull]:
        """Return the repository's open pull requests, newest first, at most ``MAX_OPEN_PULLS``."""
        ...

    def create_pull(self, ref: IssueRef, pull: NewPull) -> PullRequest:
        """Open a pull request.

        Never retried internally, because a reply can be lost after the pull request was opened.
        Call ``find_pulls`` first.
        """
        ...

    def update_pull(self, ref: IssueRef, number: int, pull: NewPull) -> PullRequest:
        """Set an open pull request's title, body, labels and reviewers to those of ``pull``.

        Idempotent.
        """
        ...
