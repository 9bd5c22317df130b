"""The forge: where issues come from and pull requests go."""

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
    """An issue as the forge gives it now; texts are as written, hidden parts included."""

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
    """Why no fix can be pushed, to it or to a fork of it, as the deployment chose; None: it can."""
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
    head: str
    """Branch name, where ``push_url`` leads."""
    base: str
    title: str
    body: str
    draft: bool
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()


class ForgeRefused(Exception):
    """The forge said no for good: missing, not visible to the token, not allowed. The text says
    which.
    """


class Forge(Protocol):
    """Synchronous; called in threads. Raises ForgeRefused for what waiting won't mend; other errors
    are retried.
    """

    opens_pulls: bool
    """False for a local repository: a branch is left there and the run ends as *proposed*."""

    def repository(self, ref: IssueRef) -> Repository: ...

    def issue(self, ref: IssueRef) -> IssueSnapshot: ...

    def token(self, repository: str) -> str | None:
        """The secret that git uses for the clone addresses of ``repository`` and of its fork."""
        ...

    def check_credentials(self) -> None:
        """Raises where they are refused, or the forge is out of reach."""
        ...

    def push_url(self, ref: IssueRef) -> str:
        """The address that fixes are pushed to; a fork that does not exist yet is made."""
        ...

    def find_pulls(self, ref: IssueRef, branch: str) -> list[PullRequest]:
        """Every pull request, open or closed, whose head is ``branch`` where ``push_url`` leads;
        newest first.
        """
        ...

    def create_pull(self, ref: IssueRef, pull: NewPull) -> PullRequest:
        """Open one. Never retried inside: a reply can be lost after its effect; look with
        find_pulls first.
        """
        ...

    def update_pull(self, ref: IssueRef, number: int, pull: NewPull) -> PullRequest:
        """Give an open one the title, body, labels and reviewers of ``pull``; doing it twice
        changes nothing.
        """
        ...
