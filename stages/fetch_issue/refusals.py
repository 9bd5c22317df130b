"""Which issues can't be worked on."""

from pipeline.github import IssueSnapshot

MAX_ISSUE_BYTES = 256_000
"""Of the issue and all its comments. GitHub accepts 65,536 characters per text; an issue larger
than this is not about a single change.
"""


def find_refusal(issue: IssueSnapshot) -> str | None:
    """Return why the issue can't be worked on, or None if it can."""
    if issue.is_pull_request:
        return f"#{issue.number} is a pull request, not an issue"
    if issue.state != "open":
        return f"issue #{issue.number} is {issue.state}"
    if issue.locked:
        return f"issue #{issue.number} is locked"
    if issue.assignees:
        return f"issue #{issue.number} is assigned to {', '.join(issue.assignees)}"
    comments = [comment.body for comment in issue.comments]
    size = sum(len(text.encode()) for text in [issue.title, issue.body, *comments])
    if size > MAX_ISSUE_BYTES:
        return (
            f"issue #{issue.number} is too large: {size} bytes with its comments, at most"
            f" {MAX_ISSUE_BYTES} are allowed"
        )
    return None
