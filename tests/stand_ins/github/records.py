"""The stand-in's data about reviews and checks."""

from dataclasses import dataclass, field
from typing import Literal

ReviewState = Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"]


@dataclass
class Review:
    id: int
    author: str | None
    body: str
    state: ReviewState
    submitted_at: str | None
    commit_id: str


@dataclass
class LineComment:
    """A review comment, or a reply to one."""

    id: int
    author: str | None
    body: str
    created_at: str
    updated_at: str
    review_id: int
    path: str
    line: int | None
    """None for a comment on a whole file."""
    start_line: int | None
    diff_hunk: str
    commit_id: str
    in_reply_to: int | None = None
    """The first comment of its thread; None for the first itself."""
    is_outdated: bool = False
    """Of the first comment: the lines are no longer part of the diff."""
    is_resolved: bool = False
    """Of the first comment: the thread is resolved."""


@dataclass
class CheckAnnotation:
    path: str
    line: int
    message: str
    title: str | None = None
    level: str = "failure"


@dataclass
class CheckRun:
    id: int
    name: str
    sha: str
    status: str
    conclusion: str | None
    app: str
    """The slug of the App that made it."""
    title: str | None = None
    summary: str | None = None
    annotations: list[CheckAnnotation] = field(default_factory=list)
    log: str | None = None
    """Of a job of GitHub Actions; None if it has none, or it has been deleted."""


@dataclass
class CommitStatus:
    id: int
    context: str
    sha: str
    state: str
    """error, failure, pending or success"""
    description: str | None


@dataclass(frozen=True)
class RequiredCheck:
    context: str
    app_id: int | None = None
    """The App that must report it; None for any."""
