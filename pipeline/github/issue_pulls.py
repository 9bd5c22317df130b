"""The open pull requests for an issue: this service's own, and others that close it."""

import hashlib
import re
from collections.abc import Collection, Iterable

from pipeline.github import OpenPull
from pipeline.job import IssueRef

#: Prefix of the names of our branches.
BRANCHES = "coding-agent/"
#: Our hidden line in a pull request's body.
_MARKER = re.compile(r"<!-- coding-agent:job=([A-Za-z0-9][A-Za-z0-9._:-]{0,127}) generation=")
#: Parts of a body in which GitHub reads no keywords: comments (templates have examples in them) and
#: code.
_NOT_TEXT = re.compile(
    r"<!--.*?(?:-->|\Z)|^ {0,3}(```+|~~~+).*?(?:^ {0,3}\1|\Z)|`[^`\n]*`", re.DOTALL | re.MULTILINE
)
#: https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/linking-a-pull-request-to-an-issue
_KEYWORD = r"(?<![\w-])(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)"


def branch_name(number: int | None, job_id: str) -> str:
    """Return the name of a job's branch, the same in every generation.

    ``number`` is the issue's; None if it has none.
    """
    digest = hashlib.sha256(job_id.encode()).hexdigest()[:10]
    if number is None:
        return f"{BRANCHES}fix-{digest}"
    return f"{_prefix(number)}{digest}"


def _prefix(number: int) -> str:
    """Return how the names of all branches for an issue begin."""
    return f"{BRANCHES}issue-{number}-"


def marker(job_id: str, generation: int) -> str:
    """Return the hidden line by which a run recognizes its own pull request."""
    return f"<!-- coding-agent:job={job_id} generation={generation} -->"


def has_marker(body: str) -> bool:
    """Return whether a body has the hidden line of one of our runs."""
    return _MARKER.search(body) is not None


def select_other(
    pulls: Iterable[OpenPull], ref: IssueRef, job_id: str, bases: Collection[str]
) -> OpenPull | None:
    """Return the open pull request for the issue that another job or another author has opened.

    None if there is none, or if the job's own is open: the job continues to work on it. Of several,
    one of ours is returned.

    Args:
        bases: the branches into which a pull request of others must lead.
    """
    others: list[OpenPull] = []
    for pull in pulls:
        if is_ours(pull, ref):
            if pull.head == branch_name(ref.number, job_id):
                return None
            others.insert(0, pull)
        elif pull.base in bases and closes(pull.body, ref):
            others.append(pull)
    return others[0] if others else None


def select_own(pulls: Iterable[OpenPull]) -> list[OpenPull]:
    """Return those that this service has opened, for whatever issue."""
    return [
        pull for pull in pulls if pull.is_from_push_repository and pull.head.startswith(BRANCHES)
    ]


def describe_other(pull: OpenPull, ref: IssueRef) -> str:
    """Return in one clause which pull request stands in the way of another one."""
    name = f"pull request #{pull.number} ({pull.url})"
    if not is_ours(pull, ref):
        return f"{name} by {pull.author}, which closes the issue, is open"
    opened_by = _MARKER.search(pull.body)
    job = f" of job {opened_by[1]}" if opened_by else ""
    return f"{name}{job} is open for this issue"


def is_ours(pull: OpenPull, ref: IssueRef) -> bool:
    """Return whether this service has opened it for the issue.

    Its body proves nothing, since anybody can copy one; its branch is where only this service and
    people with write access push.
    """
    return pull.is_from_push_repository and pull.head.startswith(_prefix(ref.number))


def closes(body: str, ref: IssueRef) -> bool:
    """Return whether GitHub would close the issue when a pull request with this body is merged."""
    repository = re.escape(ref.repository)
    address = rf"https://{re.escape(ref.host)}/{repository}/issues/"
    reference = rf"(?:{repository}#|{address}|#|GH-){ref.number}(?!\w)"
    text = _NOT_TEXT.sub(" ", body)
    return re.search(rf"{_KEYWORD}:?\s+{reference}", text, re.IGNORECASE) is not None
