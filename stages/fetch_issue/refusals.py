"""Which issues can't be worked on."""

from collections.abc import Sequence
from datetime import datetime

from pipeline.github import Comment, IssueSnapshot
from pipeline.github.accounts import Account
from pipeline.github.labels import STOP, is_stopped

MAX_ISSUE_BYTES = 256_000
"""Of the issue and the comments that are shown. GitHub accepts 65,536 characters per text; an issue
larger than this is not about a single change.
"""


def find_refusal(issue: IssueSnapshot) -> str | None:
    """Return why the issue can't be worked on, or None if it can."""
    if issue.is_pull_request:
        return f"#{issue.number} is a pull request, not an issue"
    if issue.state != "open":
        return f"issue #{issue.number} is {issue.state}"
    if issue.locked:
        return f"issue #{issue.number} is locked"
    if is_stopped(issue.labels):
        return f"issue #{issue.number} has the label {STOP}: remove it to allow this service"
    return None


def find_assignee_refusal(issue: IssueSnapshot, own: Account | None) -> str | None:
    """Return why an issue that is assigned to people can't be worked on, or None if it can.

    Whoever assigns it to this service's own account, beside themselves or not, invites the service.

    Args:
        own: the account of this service, if it has one.
    """
    if own is not None and any(own.is_called(login) for login in issue.assignees):
        return None
    return (
        f"issue #{issue.number} is assigned to {', '.join(issue.assignees)}: unassign them, or"
        " assign it to the account of this service, too"
    )


def find_late_edit(number: int, edited_at: datetime | None, requested_at: datetime) -> str | None:
    """Return why an issue that was edited after the request can't be worked on.

    Whoever requested the fix read another text.
    """
    if edited_at is None or edited_at <= requested_at:
        return None
    return (
        f"issue #{number} was edited at {edited_at.isoformat()}, after the fix was requested at"
        f" {requested_at.isoformat()}: read it again and send the job with a new requested_at"
    )


def find_size_refusal(issue: IssueSnapshot, shown: Sequence[Comment]) -> str | None:
    """Return why the issue and the comments that are shown are too large, or None."""
    comments = [comment.body for comment in shown]
    size = sum(len(text.encode()) for text in [issue.title, issue.body, *comments])
    if size > MAX_ISSUE_BYTES:
        return (
            f"issue #{issue.number} is too large: {size} bytes with its comments, at most"
            f" {MAX_ISSUE_BYTES} are allowed"
        )
    return None
