"""The parts of GitHub's payloads that are read.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class _Part(BaseModel):
    """A part of a payload. Its other fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Account(_Part):
    login: str
    type: str = "User"
    """User, Bot, Organization or Mannequin"""

    @property
    def is_bot(self) -> bool:
        return self.type == "Bot"


class Label(_Part):
    name: str


class Repository(_Part):
    full_name: str
    html_url: str


class AnyEvent(_Part):
    """What all events have that are read."""

    repository: Repository


class Issue(_Part):
    """An issue or a pull request: GitHub sends comments on both as comments on an issue."""

    number: int
    html_url: str
    updated_at: AwareDatetime
    user: Account | None = None
    """None if the account was deleted."""
    pull_request: dict[str, Any] | None = None
    """Present if it is a pull request."""


class Comment(_Part):
    id: int
    body: str
    created_at: AwareDatetime
    author_association: str


class IssuesEvent(_Part):
    action: str
    issue: Issue
    repository: Repository
    sender: Account
    label: Label | None = None
    """Of the actions ``labeled`` and ``unlabeled``."""
    assignee: Account | None = None
    """Of the actions ``assigned`` and ``unassigned``."""


class IssueCommentEvent(_Part):
    action: str
    issue: Issue
    comment: Comment
    repository: Repository
    sender: Account


class LineComment(_Part):
    """A comment on lines of a diff. GitHub makes a review for a single one."""

    body: str
    author_association: str
    pull_request_review_id: int | None


class Branch(_Part):
    ref: str
    sha: str


class PullRequest(_Part):
    number: int
    html_url: str
    user: Account | None = None
    head: Branch
    """Its branch and newest commit."""


class PullRequestEvent(_Part):
    action: str
    pull_request: PullRequest
    repository: Repository
    sender: Account
    label: Label | None = None


class Review(_Part):
    id: int
    body: str | None
    state: str
    """approved, changes_requested, commented or dismissed"""
    author_association: str


class PullRequestReviewEvent(_Part):
    action: str
    review: Review
    pull_request: PullRequest
    repository: Repository
    sender: Account


class LineCommentEvent(_Part):
    action: str
    comment: LineComment
    pull_request: PullRequest
    repository: Repository
    sender: Account


class CheckedPull(_Part):
    """A pull request as a check suite names it. GitHub names none from a fork."""

    number: int
    head: Branch


class CheckSuite(_Part):
    """The checks of one app on a commit; of GitHub Actions, those of one workflow."""

    id: int
    head_sha: str
    conclusion: str | None
    pull_requests: tuple[CheckedPull, ...] = Field(default=())


class CheckSuiteEvent(_Part):
    action: str
    check_suite: CheckSuite
    repository: Repository
