"""The forge: the place that has the issues and takes the pull requests."""

from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from pipeline.job import IssueRef


class Comment(BaseModel):
    model_config = ConfigDict(frozen=True)

    author: str
    association: str
    created_at: str
    body: str


class IssueSnapshot(BaseModel):
    """An issue at this moment. Its texts are as written, hidden parts included."""

    model_config = ConfigDict(frozen=True)

    number: int
    title: str
    body: str
    author: str
    association: str
    state: str
    locked: bool
    assignees: tuple[str, ...]
    is_pull_request: bool
    comments: tuple[Comment, ...]


class Repository(BaseModel):
    model_config = ConfigDict(frozen=True)

    full_name: str
    clone_url: str
    default_branch: str
    archived: bool
    push_refusal: str | None
    """The reason why no fix can be pushed to it, or to its fork, as the deployment chose.

    None: it can be.
    """
    private: bool


class PullRequest(BaseModel):
    model_config = ConfigDict(frozen=True)

    number: int
    url: str
    state: str
    """open or closed"""
    body: str
    head_sha: str


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
    """The forge refused for good: missing, not visible to the token, or not allowed.

    The text says which.
    """


class Forge(Protocol):
    """Methods are synchronous, to be called in threads.

    Each raises ForgeRefused where waiting does not help. Other errors are retried by the engine.
    """

    opens_pulls: bool
    """False for a local repository: a branch is left there and the run ends as *proposed*."""

    def repository(self, ref: IssueRef) -> Repository: ...

    def issue(self, ref: IssueRef) -> IssueSnapshot: ...

    def token(self, repository: str) -> str | None:
        """Return git's secret for the clone addresses of ``repository`` and of its fork."""
        ...

    def check_credentials(self) -> None:
        """Raises where they are refused, or the forge is out of reach."""
        ...

    def push_url(self, ref: IssueRef) -> str:
        """Return the address that fixes are pushed to. A fork that does not exist yet is made."""
        ...

    def find_pulls(self, ref: IssueRef, branch: str) -> list[PullRequest]:
        """Return every pull request, open or closed, whose head is ``branch``; newest first.

        The branch is the one in the repository of ``push_url``.
        """
        ...

    def create_pull(self, ref: IssueRef, pull: NewPull) -> PullRequest:
        """Open a pull request.

        It is never retried inside: a reply can be lost after its effect. Look with ``find_pulls``
        first.
        """
        ...

    def update_pull(self, ref: IssueRef, number: int, pull: NewPull) -> PullRequest:
        """Give an open pull request the title, body, labels and reviewers of ``pull``.

        Doing it twice changes nothing.
        """
        ...
