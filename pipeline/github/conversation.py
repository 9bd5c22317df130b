"""What is said about an open pull request of ours, and how it is answered."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from pipeline.job import Subject

#: The most remarks of each kind that are read: eleven requests.
MAX_REMARKS = 1000
#: The most annotations of a check that are read.
MAX_ANNOTATIONS = 50


class Permission(StrEnum):
    """What somebody may do in a repository. A role that an organization made counts as the one that
    it is based on.

    https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
    """

    ADMIN = "admin"
    MAINTAIN = "maintain"
    WRITE = "write"
    TRIAGE = "triage"
    READ = "read"
    NONE = "none"

    @property
    def may_write(self) -> bool:
        return self in (Permission.ADMIN, Permission.MAINTAIN, Permission.WRITE)


class PullDetails(BaseModel):
    """A pull request at one moment."""

    model_config = ConfigDict(frozen=True)

    number: int
    url: str
    state: str
    """open or closed"""
    merged: bool
    locked: bool
    labels: tuple[str, ...]
    base: str
    """The branch into which it leads."""
    head: str
    """Its branch."""
    head_sha: str
    is_from_push_repository: bool
    """Whether its branch is in the repository that fixes are pushed to."""


class Remark(BaseModel):
    """A text that somebody wrote on a pull request's page, unaltered, hidden parts included."""

    model_config = ConfigDict(frozen=True)

    kind: ClassVar[str]

    id: int
    """Unique among the remarks of its kind only: ``key`` is unique among all."""
    url: str
    author: str
    is_bot: bool
    body: str
    created_at: datetime

    @property
    def key(self) -> str:
        """A name that is unique on the pull request, such as ``comment-55``."""
        return f"{self.kind}-{self.id}"


class PullComment(Remark):
    """A comment below the pull request, about no particular line."""

    kind = "comment"


class SubmittedReview(Remark):
    """A review's own text, which may be empty; its comments on lines are in threads."""

    kind = "review"

    state: str
    """APPROVED, CHANGES_REQUESTED, COMMENTED or DISMISSED"""


class LineComment(Remark):
    """A review comment: on lines of the diff, or on a whole file."""

    kind = "line-comment"


class Thread(BaseModel):
    """The comments on one place of the diff, oldest first. There is at least one."""

    model_config = ConfigDict(frozen=True)

    id: int
    """The id of the first comment, to which replies are made."""
    path: str
    start_line: int | None
    """The first of several lines; None if it is one line, or the whole file."""
    line: int | None
    """The last line; None if it is the whole file. If the thread is outdated, it counts in the file
    of the commit that was commented."""
    is_on_old_side: bool
    """Whether the line is one of the base, rather than of the pull request's head."""
    diff_hunk: str
    """The diff up to the line, as the commenter saw it."""
    is_outdated: bool
    """Whether the place is no longer part of the diff."""
    is_resolved: bool
    comments: tuple[LineComment, ...]


class Discussion(BaseModel):
    """All remarks on a pull request at one moment, each kind oldest first."""

    model_config = ConfigDict(frozen=True)

    threads: tuple[Thread, ...]
    reviews: tuple[SubmittedReview, ...]
    """Without those that their authors have not submitted."""
    comments: tuple[PullComment, ...]
    is_complete: bool
    """False if there are older remarks, which were not read because there are too many."""

    def remarks(self) -> list[Remark]:
        """Return the remarks of all kinds."""
        line_comments: list[Remark] = []
        for thread in self.threads:
            line_comments += thread.comments
        return [*self.reviews, *line_comments, *self.comments]

    def find_marked(self, marker: str, author: str) -> Remark | None:
        """Return the remark by ``author`` whose body contains the hidden line ``marker``.

        Anybody can copy a hidden line: those of others are ignored.
        """
        for remark in self.remarks():
            if remark.author.lower() == author.lower() and marker in remark.body:
                return remark
        return None


class Annotation(BaseModel):
    """A remark of a check on lines of a file."""

    model_config = ConfigDict(frozen=True)

    path: str
    start_line: int
    end_line: int
    level: str
    """notice, warning or failure"""
    title: str
    message: str


class FailedCheck(BaseModel):
    """A check run or a commit status that failed. Its texts are unaltered.

    A run that was cancelled, skipped or awaits an approval has not failed: no change of the code
    would make it succeed.
    """

    model_config = ConfigDict(frozen=True)

    id: int
    """Of the check run, which is also the id of a job of GitHub Actions; or of the status."""
    name: str
    conclusion: str
    """failure, timed_out, or error (of a status)"""
    title: str
    summary: str
    """Of a status, its description."""
    text: str
    annotations: tuple[Annotation, ...] = ()
    """At most ``MAX_ANNOTATIONS``."""
    is_actions_job: bool = False
    """Whether it is a job of GitHub Actions."""
    log: str = ""
    """The end of what the failed step of such a job has printed; empty if it can't be read."""


class PostedComment(BaseModel):
    """A comment that we have posted."""

    model_config = ConfigDict(frozen=True)

    id: int
    url: str


class Conversation(Protocol):
    """What is said about pull requests on GitHub. Methods are synchronous, to be called in threads.

    Each raises ForgeRefused if a retry would not help. Other errors are retried by the engine.
    Methods that write are never repeated internally, because a reply of GitHub can be lost after
    the comment was posted: look for the comment's marker first, then post.
    """

    def pull(self, subject: Subject) -> PullDetails: ...

    def labels(self, subject: Subject) -> tuple[str, ...]:
        """Return the labels of an issue or a pull request."""
        ...

    def discussion(self, subject: Subject) -> Discussion:
        """Return the newest remarks on the pull request, at most ``MAX_REMARKS`` of each kind."""
        ...

    def permission(self, subject: Subject, login: str) -> Permission:
        """Return what somebody may do in the repository; NONE if the account does not exist."""
        ...

    def failed_checks(self, subject: Subject, base: str, sha: str) -> tuple[FailedCheck, ...]:
        """Return the checks on the commit ``sha`` that failed and count for merging into the branch
        ``base``.

        Required ones count. If none is required, the jobs of GitHub Actions do: they are part of
        the repository, whereas other checks may be red for reasons that no change of the code could
        remove. One that failed on the newest commit of ``base``, too, does not count: the change is
        not its cause.
        """
        ...

    def reply(self, subject: Subject, thread_id: int, body: str) -> PostedComment:
        """Post a comment at the end of a thread."""
        ...

    def comment(self, subject: Subject, body: str) -> PostedComment:
        """Post a comment below the pull request, or the issue."""
        ...
