"""The ways in which people name a run: a job's id or its beginning, an issue, a pull request."""

import re
from dataclasses import dataclass

from pipeline.job import IssueRef, parse_subject

#: Characters of an id that are enough to name a job. Fewer are likely to be a typing error.
MIN_PREFIX = 4

_JOB = re.compile(r"(?P<job_id>[A-Za-z0-9][A-Za-z0-9._:-]{0,127})(?:/(?P<generation>\d{1,6}))?")
_NUMBER = re.compile(r"(?P<repository>[^/\s#]+/[^/\s#]+)?#(?P<number>[1-9]\d{0,9})")
_BARE_NUMBER = re.compile(r"[1-9]\d{0,9}")
#: A pull request's address, perhaps that of a part of its page.
_PULL_REQUEST = re.compile(
    r"(?P<repository>https://[^/]+/[^/]+/[^/]+)/pull/(?P<number>\d+)(?:/.*)?"
)
_PART_OF_PAGE = re.compile(r"[?#].*")


class UnreadableReference(ValueError):
    """The text names no run; the message shows what does."""


@dataclass(frozen=True)
class JobReference:
    """A job's id, or at least the first ``MIN_PREFIX`` characters of it."""

    job_id: str
    generation: int | None = None
    """None for the newest one."""

    @property
    def is_long_enough(self) -> bool:
        return len(self.job_id) >= MIN_PREFIX

    @property
    def number(self) -> int | None:
        """What could also be meant: the number of an issue or pull request."""
        if self.generation is not None or not _BARE_NUMBER.fullmatch(self.job_id):
            return None
        return int(self.job_id)


@dataclass(frozen=True)
class NumberReference:
    """The number of an issue or of a pull request: GitHub numbers both in one sequence."""

    number: int
    repository: str | None
    """``owner/name`` in lower case; None if it was not given."""
    host: str | None = None
    """The host of the address; None if no address was given."""
    issue_url: str | None = None
    """The address of a local repository's issue, which has no repository that others know."""

    def matches(self, issue_url: str) -> bool:
        """Return whether a run of this issue can be meant, as far as the address says so."""
        if self.issue_url is not None:
            return issue_url == self.issue_url
        return self.host is None or parse_subject(issue_url).host == self.host


Reference = JobReference | NumberReference


def parse_reference(text: str) -> Reference:
    """Read what somebody wrote to name a run.

    Raises:
        UnreadableReference: it is none of the forms.
    """
    text = text.strip()
    if "://" in text:
        return _parse_address(text)
    number = _NUMBER.fullmatch(text)
    if number is not None:
        repository = number["repository"]
        return NumberReference(int(number["number"]), repository.lower() if repository else None)
    job = _JOB.fullmatch(text)
    if job is None:
        raise UnreadableReference(
            f"{text!r} names no run: give a job's id or its first {MIN_PREFIX} characters,"
            " OWNER/REPO#NUMBER, or the address of an issue or pull request"
        )
    generation = job["generation"]
    return JobReference(job["job_id"], int(generation) if generation else None)


def _parse_address(text: str) -> NumberReference:
    address = _PART_OF_PAGE.sub("", text)
    pull_request = _PULL_REQUEST.fullmatch(address)
    if pull_request is not None:
        address = f"{pull_request['repository']}/issues/{pull_request['number']}"
    try:
        issue = IssueRef.parse(address)
    except ValueError:
        raise UnreadableReference(
            f"{text!r} is neither an issue's address nor a pull request's:"
            " https://github.com/OWNER/NAME/issues/N"
        ) from None
    if issue.is_local:
        return NumberReference(issue.number, issue.repository, issue_url=issue.url)
    return NumberReference(issue.number, issue.repository, host=issue.host)
