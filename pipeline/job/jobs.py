"""The two types of jobs as their senders write them, and their identity."""

import hashlib
import json
import uuid
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator

from pipeline.job.fields import (
    JOB_ID,
    LOGIN,
    TOPIC_ARN,
    Limits,
    Metadata,
    Options,
    Replay,
    ReviewOptions,
    Strict,
    Time,
)
from pipeline.job.subjects import MAX_ADDRESS, IssueRef, PullRef
from pipeline.telemetry.trace_context import TRACEPARENT

#: The newest version that this worker reads. Version 2 added the job type ``address_review``.
SCHEMA_VERSION = 2
_NAMESPACE = uuid.UUID("8f5bd8b4-6f7e-5d0c-9a38-0d7b6a3d2f11")

JobType = Literal["fix_issue", "address_review"]
FIX_ISSUE: JobType = "fix_issue"
ADDRESS_REVIEW: JobType = "address_review"
#: How a request begins that no person made: checks of a commit failed, whose SHA follows.
CHECKS_REQUEST = "checks-"


class _AnyJob(Strict):
    """What both types of jobs have."""

    job_id: str | None = Field(
        None,
        pattern=JOB_ID,
        description="derived from what the job is about when left out",
    )
    requested_by: str | None = Field(
        None,
        pattern=LOGIN,
        description="the GitHub login of the person who asked for it, who must be able to write to"
        " the repository",
    )
    replay: Replay | None = None
    limits: Limits = Limits()
    metadata: Metadata = Field(
        default_factory=dict, description="handed back untouched in every event"
    )
    callback_topic_arn: str | None = Field(None, pattern=TOPIC_ARN)

    @property
    def id(self) -> str:
        """The job's identity: its job_id, or one derived from what it is about."""
        raise NotImplementedError

    @property
    def digest(self) -> str:
        """A hash that distinguishes different bodies under one id.

        A replay is another run of the same job, and the same thing may be requested several times
        and by several people: these fields are left out.
        """
        return self._hash(exclude={"replay", "requested_at", "requested_by"})

    @property
    def exact_digest(self) -> str:
        """A hash that distinguishes all bodies, apart from the replay."""
        return self._hash(exclude={"replay"})

    def _hash(self, exclude: set[str]) -> str:
        """Hash the job without the fields ``exclude``, and without its sender's place in a trace:
        the same job may be sent from several.
        """
        body = self.model_dump(mode="json", exclude=exclude, exclude_defaults=True)
        metadata = body.get("metadata", {})
        metadata.pop(TRACEPARENT, None)
        if not metadata:
            body.pop("metadata", None)
        body["job_id"] = self.id
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


class FixIssueJob(_AnyJob):
    """Fix an issue. Only ``issue_url`` is required."""

    SUBJECT_FIELD: ClassVar = "issue_url"
    """The field that says what the job is about."""
    type: Literal["fix_issue"] = "fix_issue"
    issue_url: str = Field(
        max_length=MAX_ADDRESS, description="https://github.com/OWNER/NAME/issues/N"
    )
    schema_version: int = Field(1, ge=1, le=SCHEMA_VERSION)
    base_branch: str | None = Field(
        None,
        min_length=1,
        max_length=1_000,
        description="any name that `git check-ref-format --branch` accepts; default: the"
        " repository's default branch",
    )
    requested_at: Time | None = Field(
        None,
        description="when the fix was requested: later comments are left out, and an issue whose"
        " title or body was edited later is rejected",
    )
    options: Options = Options()

    @field_validator("issue_url")
    @classmethod
    def _issue(cls, value: str) -> str:
        # One spelling, so that the same job sent by others is the same body.
        return IssueRef.parse(value).url

    @field_validator("base_branch")
    @classmethod
    def _branch(cls, value: str | None) -> str | None:
        from repository.git import is_branch_name

        if value is not None and not is_branch_name(value):
            raise ValueError(f"{value!r} is not a branch name that git accepts")
        return value

    @property
    def issue(self) -> IssueRef:
        return IssueRef.parse(self.issue_url)

    @property
    def subject(self) -> IssueRef:
        """What the job is about."""
        return self.issue

    @property
    def id(self) -> str:
        return self.job_id or derived_job_id(self.issue.url, self.base_branch)

    def to_json(self) -> str:
        return self.model_dump_json(exclude_defaults=True)


class AddressReviewJob(_AnyJob):
    """Answer a review of a pull request that this service opened, and its red checks."""

    SUBJECT_FIELD: ClassVar = "pull_request_url"
    """The field that says what the job is about."""
    type: Literal["address_review"] = Field(description="the type of the job")
    schema_version: Literal[2] = 2
    pull_request_url: str = Field(
        max_length=MAX_ADDRESS, description="https://github.com/OWNER/NAME/pull/N"
    )
    request: str = Field(
        min_length=1,
        max_length=200,
        description="what asks for it, such as a review's id: the same request sent twice is one"
        " job",
    )
    options: ReviewOptions = ReviewOptions()

    @field_validator("pull_request_url")
    @classmethod
    def _pull(cls, value: str) -> str:
        return PullRef.parse(value).url

    @classmethod
    def of(cls, pull_url: str, request: str, **fields: Any) -> Self:
        """Return the job of a request for a pull request. Raises pydantic.ValidationError."""
        body = {"type": ADDRESS_REVIEW, "pull_request_url": pull_url, "request": request, **fields}
        return cls.model_validate(body)

    @property
    def pull(self) -> PullRef:
        return PullRef.parse(self.pull_request_url)

    @property
    def is_about_checks(self) -> bool:
        """Whether failed checks ask, rather than a person."""
        return self.request.startswith(CHECKS_REQUEST)

    @property
    def subject(self) -> PullRef:
        """What the job is about."""
        return self.pull

    @property
    def id(self) -> str:
        return self.job_id or derived_job_id(self.pull.url, self.request)

    def to_json(self) -> str:
        """Return the job as JSON, with the version: older workers leave it to newer ones."""
        body = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps({"schema_version": self.schema_version, **body})


Job = FixIssueJob | AddressReviewJob


def derived_job_id(url: str, detail: str | None) -> str:
    """Return the id for a job without one. The same thing asked for twice is the same job.

    Args:
        url: of the issue or pull request.
        detail: an issue's base branch, or a pull request's ``request``.
    """
    # An invalid job's fields may have lone surrogates.
    name = f"{url}\n{detail or ''}".encode(errors="replace").decode()
    return str(uuid.uuid5(_NAMESPACE, name))
