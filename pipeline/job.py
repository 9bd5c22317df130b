"""A job as its sender writes it, its identity, and the parsing of raw messages."""

import hashlib
import json
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Self
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails

from pipeline.envelopes import UnreadableEnvelope, unwrap
from pipeline.telemetry.trace_context import TRACEPARENT
from repository.git import is_branch_name

SCHEMA_VERSION = 1
MAX_METADATA_BYTES = 32_000
#: Maximum number of invalid fields that an error message names: a hostile job may have thousands.
MAX_REPORTED_FIELDS = 10
#: Host of the issues of local repositories.
LOCAL_HOST = "file"
_JOB_ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"
_NAMESPACE = uuid.UUID("8f5bd8b4-6f7e-5d0c-9a38-0d7b6a3d2f11")
_ISSUE_PATH = re.compile(
    # The name of an enterprise's managed user ends in an underscore and a short code.
    r"/(?P<owner>[A-Za-z0-9][A-Za-z0-9-]{0,38}(?:_[A-Za-z0-9]{1,38})?)"
    r"/(?P<name>(?!\.{1,2}/)[A-Za-z0-9._-]{1,100})"
    r"/issues/(?P<number>[1-9][0-9]{0,9})/?"
)
EXAMPLE_TIME = "2026-11-30T09:00:00Z"
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})")
"""RFC 3339's date-time (https://www.rfc-editor.org/rfc/rfc3339#section-5.6)."""
_PULL_PATH = re.compile(r"/[^/]+/[^/]+/pull/[0-9]+")
_LOCAL_PATH = re.compile(r"(?P<path>/.+)/issues/(?P<number>[1-9][0-9]{0,9})")


class IssueRef(BaseModel):
    """An issue's URL and its parts. ``url`` is canonical: each issue has one spelling."""

    model_config = ConfigDict(frozen=True)

    url: str
    host: str
    owner: str
    name: str
    number: int

    @property
    def repository(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def is_local(self) -> bool:
        """Whether the issue exists only as text: its number and address mean nothing to others."""
        return self.host == LOCAL_HOST

    @property
    def label(self) -> str:
        """``OWNER/NAME#N``; of a local repository only its name."""
        return self.name if self.is_local else f"{self.repository}#{self.number}"

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``https://HOST/OWNER/NAME/issues/N``; of a local repository, ``file:///PATH/issues/N``.

        Owner and name become lower case, since GitHub ignores their case.

        Raises:
            ValueError: it is not an issue's address; the message shows what one looks like.
        """
        parts = urlsplit(url.strip())
        if parts.scheme == "file" and not parts.netloc:
            local = _LOCAL_PATH.fullmatch(unquote(parts.path))
            if local is not None:
                return cls._local(url.strip(), local)
        if _PULL_PATH.match(parts.path):
            raise ValueError(
                f"{url!r} is a pull request's address; give an issue's:"
                " https://github.com/OWNER/NAME/issues/N"
            )
        host = _https_host(parts)
        match = _ISSUE_PATH.fullmatch(parts.path)
        if not host or match is None:
            raise ValueError(
                f"{url!r} is not an issue's address; it looks like"
                " https://github.com/OWNER/NAME/issues/N"
            )
        owner = match["owner"].lower()
        name = match["name"].lower()
        number = int(match["number"])
        canonical = f"https://{host}/{owner}/{name}/issues/{number}"
        return cls(url=canonical, host=host, owner=owner, name=name, number=number)

    @classmethod
    def _local(cls, url: str, match: re.Match[str]) -> Self:
        name = match["path"].rstrip("/").rsplit("/", 1)[-1]
        number = int(match["number"])
        return cls(url=url, host=LOCAL_HOST, owner="local", name=name, number=number)


def _https_host(parts: SplitResult) -> str:
    """Return the host of an https address, with its port if it is not 443.

    It is empty for other addresses, and for those with credentials.
    """
    has_credentials = parts.username or parts.password
    if parts.scheme != "https" or not parts.hostname or has_credentials:
        return ""
    port = "" if parts.port in (None, 443) else f":{parts.port}"
    return f"{parts.hostname.lower()}{port}"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Strict):
    """Limits on what a run may use. They can only lower the deployment's limits."""

    max_cost_usd: float | None = Field(None, gt=0, le=10_000, description="US dollars")
    max_minutes: float | None = Field(
        None, gt=0, le=600, description="minutes of work, waiting left out"
    )
    max_rounds: int | None = Field(
        None, ge=1, le=100, description="passes through propose, apply, test"
    )


class Options(_Strict):
    draft: bool = Field(False, description="open the pull request as a draft")
    dry_run: bool = Field(False, description="find a fix and keep it as an artifact; push nothing")
    allow_second_pull_request: bool = Field(
        False, description="work on the issue although an open pull request for it exists"
    )
    labels: tuple[Annotated[str, StringConstraints(min_length=1, max_length=50)], ...] = ()
    reviewers: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,39}$")], ...] = ()
    model: str | None = Field(
        None, max_length=200, description="a model of the deployment's allow-list"
    )


class Replay(_Strict):
    """Run the job again on purpose: each replay id starts one generation."""

    id: str = Field(min_length=1, max_length=128)
    from_stage: str | None = Field(
        None, max_length=50, description="earlier stages keep their results"
    )
    template_set: str | None = Field(
        None, pattern=r"^[0-9a-f]{8,64}$", description="hash of a published set of templates"
    )
    model: str | None = Field(None, max_length=200)


def _check_size(metadata: dict[str, str]) -> dict[str, str]:
    size = 0
    for key, value in metadata.items():
        size += len(key.encode()) + len(value.encode())
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"metadata may have at most {MAX_METADATA_BYTES} bytes")
    return metadata


_Metadata = Annotated[dict[str, str], AfterValidator(_check_size)]


def _check_time(value: object) -> object:
    """Refuse what pydantic would also read as a time: numbers, dates, times without an offset."""
    if isinstance(value, datetime) or (isinstance(value, str) and _TIME.fullmatch(value)):
        return value
    raise ValueError(f"{str(value)[:40]!r} is not a time with an offset, such as {EXAMPLE_TIME}")


_Time = Annotated[AwareDatetime, BeforeValidator(_check_time)]


class FixIssueJob(_Strict):
    """A job as its sender writes it. Only ``issue_url`` is required."""

    issue_url: str = Field(max_length=2_000, description="https://github.com/OWNER/NAME/issues/N")
    schema_version: int = Field(SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)
    job_id: str | None = Field(
        None,
        pattern=_JOB_ID,
        description="derived from the issue when left out",
    )
    base_branch: str | None = Field(
        None,
        min_length=1,
        max_length=1_000,
        description="any name that `git check-ref-format --branch` accepts; default: the"
        " repository's default branch",
    )
    requested_at: _Time | None = Field(
        None,
        description="when the fix was requested: later comments are left out, and an issue whose"
        " title or body was edited later is rejected",
    )
    replay: Replay | None = None
    limits: Limits = Limits()
    options: Options = Options()
    metadata: _Metadata = Field(
        default_factory=dict, description="handed back untouched in every event"
    )
    callback_topic_arn: str | None = Field(
        None, pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}$"
    )

    @field_validator("issue_url")
    @classmethod
    def _issue(cls, value: str) -> str:
        IssueRef.parse(value)
        return value

    @field_validator("base_branch")
    @classmethod
    def _branch(cls, value: str | None) -> str | None:
        if value is not None and not is_branch_name(value):
            raise ValueError(f"{value!r} is not a branch name that git accepts")
        return value

    @property
    def issue(self) -> IssueRef:
        return IssueRef.parse(self.issue_url)

    @property
    def id(self) -> str:
        """The job's identity: its job_id, or one derived from the issue and the base branch."""
        return self.job_id or derived_job_id(self.issue.url, self.base_branch)

    @property
    def digest(self) -> str:
        """A hash that distinguishes different bodies under one id.

        A replay is another run of the same job, and the same fix may be requested several times:
        these are left out.
        """
        return self._hash(exclude={"replay", "requested_at"})

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

    def to_json(self) -> str:
        return self.model_dump_json(exclude_defaults=True)


@dataclass(frozen=True)
class JobRefusal:
    """Why a valid job is not accepted."""

    field: str
    """The dotted path of the field that it is about."""
    reason: str
    """One sentence."""


def derived_job_id(issue_url: str, base_branch: str | None) -> str:
    """Return the id for a job without one. The same issue sent twice is the same job."""
    # An invalid job's branch may have lone surrogates.
    name = f"{issue_url}\n{base_branch or ''}".encode(errors="replace").decode()
    return str(uuid.uuid5(_NAMESPACE, name))


class UnreadableMessage(ValueError):
    """The message is not a job: it is not JSON, not an object, or names no issue."""


class NotJson(UnreadableMessage):
    """The message is not even JSON."""


class NewerSchema(ValueError):
    """The message was written for a newer worker, and must wait for one."""


class InvalidJob(ValueError):
    """The message names an issue but is otherwise invalid.

    ``job_id`` and ``issue`` identify the run that ends as *rejected*.
    """

    def __init__(
        self, message: str, *, field: str, job_id: str, issue: IssueRef, metadata: dict[str, str]
    ):
        super().__init__(message)
        self.field = field
        """The dotted path of the first invalid field."""
        self.job_id = job_id
        self.issue = issue
        self.metadata = metadata


def parse_job(body: str | bytes) -> FixIssueJob:
    """Parse a message's body. The text of each error is one clear sentence for the sender.

    The job may be in an envelope of SNS or EventBridge.

    Raises:
        UnreadableMessage: it is not a job.
        NewerSchema: it was written for a newer worker.
        InvalidJob: it names an issue but is otherwise invalid.
    """
    try:
        raw: Any = unwrap(json.loads(body))
    except UnreadableEnvelope as error:
        raise NotJson(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise NotJson(f"the message is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise UnreadableMessage(f"the message is a JSON {type(raw).__name__}, not an object")
    version = raw.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise NewerSchema(f"schema_version {version} is newer than this worker's {SCHEMA_VERSION}")
    try:
        issue = IssueRef.parse(str(raw.get("issue_url", "")))
    except ValueError as error:
        raise UnreadableMessage(f"issue_url: {error}") from error
    try:
        return FixIssueJob.model_validate(raw)
    except ValidationError as error:
        raise InvalidJob(
            explain(error),
            field=".".join(str(part) for part in error.errors()[0]["loc"]),
            job_id=_readable_job_id(raw, issue),
            issue=issue,
            metadata=_readable_metadata(raw),
        ) from error


def _readable_job_id(raw: dict[str, Any], issue: IssueRef) -> str:
    """Return the id of an invalid job: its job_id if that is valid, otherwise the derived one."""
    job_id = raw.get("job_id")
    if isinstance(job_id, str) and re.fullmatch(_JOB_ID, job_id):
        return job_id
    base_branch = raw.get("base_branch")
    return derived_job_id(issue.url, base_branch if isinstance(base_branch, str) else None)


def _readable_metadata(raw: dict[str, Any]) -> dict[str, str]:
    """Return an invalid job's metadata for its event; empty if the metadata itself is invalid."""
    try:
        return TypeAdapter(_Metadata).validate_python(raw.get("metadata"))
    except ValidationError:
        return {}


def explain(error: ValidationError) -> str:
    """Format a validation error as one line: the first few fields, and what is wrong with each."""
    details = error.errors(include_url=False, include_input=False)
    problems = [_explain_field(detail) for detail in details[:MAX_REPORTED_FIELDS]]
    more = error.error_count() - MAX_REPORTED_FIELDS
    if more > 0:
        problems.append(f"and {more} more")
    return "; ".join(problems)


def _explain_field(detail: ErrorDetails) -> str:
    field = ".".join(str(part)[:100] for part in detail["loc"]) or "message"
    if detail["type"] == "extra_forbidden":
        return f"{field}: unknown field"
    problem = detail["msg"].removeprefix("Value error, ")[:300]
    return f"{field}: {problem}"
