"""What comes in: a job, its identity, and how a raw message becomes one."""

import hashlib
import json
import re
import uuid
from typing import Annotated, Any, Self
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    field_validator,
)

SCHEMA_VERSION = 1
MAX_METADATA_BYTES = 32_000
MAX_TOLD = 10
"""Wrong fields that one message names: a hostile one may have thousands."""
_NAMESPACE = uuid.UUID("8f5bd8b4-6f7e-5d0c-9a38-0d7b6a3d2f11")
_ISSUE_PATH = re.compile(
    # An owner may end in one underscore and a short code: an enterprise's managed user.
    r"/(?P<owner>[A-Za-z0-9][A-Za-z0-9-]{0,38}(?:_[A-Za-z0-9]{1,38})?)/(?P<name>(?!\.{1,2}/)[A-Za-z0-9._-]{1,100})"
    r"/issues/(?P<number>[1-9][0-9]{0,9})/?"
)
_LOCAL_PATH = re.compile(r"(?P<path>/.+)/issues/(?P<number>[1-9][0-9]{0,9})")


class IssueRef(BaseModel):
    """An issue's address, taken apart. ``url`` is canonical: one issue has one spelling."""

    model_config = ConfigDict(frozen=True)

    url: str
    host: str
    owner: str
    name: str
    number: int

    @property
    def repository(self) -> str:
        return f"{self.owner}/{self.name}"

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``https://HOST/OWNER/NAME/issues/N``, or ``file:///PATH/issues/N`` for a local repository.

        Owner and name are lowered, since GitHub compares them without case.

        Raises:
            ValueError: it is no issue's address; the message says what one looks like.
        """
        parts = urlsplit(url.strip())
        if (
            parts.scheme == "file"
            and not parts.netloc
            and (local := _LOCAL_PATH.fullmatch(unquote(parts.path)))
        ):
            name = local["path"].rstrip("/").rsplit("/", 1)[-1]
            return cls(
                url=url.strip(), host="file", owner="local", name=name, number=int(local["number"])
            )
        if re.match(r"^/[^/]+/[^/]+/pull/[0-9]+", parts.path):
            raise ValueError(
                f"{url!r} is a pull request's address; give an issue's:"
                " https://github.com/OWNER/NAME/issues/N"
            )
        match = _ISSUE_PATH.fullmatch(parts.path)
        if (
            parts.scheme != "https"
            or not parts.hostname
            or parts.username
            or parts.password
            or not match
        ):
            raise ValueError(
                f"{url!r} is not an issue's address; it looks like"
                " https://github.com/OWNER/NAME/issues/N"
            )
        host = parts.hostname.lower() + (f":{parts.port}" if parts.port not in (None, 443) else "")
        owner = match["owner"].lower()
        name = match["name"].lower()
        number = int(match["number"])
        return cls(
            url=f"https://{host}/{owner}/{name}/issues/{number}",
            host=host,
            owner=owner,
            name=name,
            number=number,
        )


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Strict):
    """What a run may use up. A job may ask for less than the deployment's ceiling, never for more."""

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
    labels: tuple[Annotated[str, StringConstraints(min_length=1, max_length=50)], ...] = ()
    reviewers: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,39}$")], ...] = ()
    model: str | None = Field(
        None, max_length=200, description="a model of the deployment's allow-list"
    )


class Replay(_Strict):
    """Run the job again, on purpose: one replay id makes one generation."""

    id: str = Field(min_length=1, max_length=128)
    from_stage: str | None = Field(
        None, max_length=50, description="earlier stages keep their results"
    )
    template_set: str | None = Field(
        None, pattern=r"^[0-9a-f]{8,64}$", description="hash of a published set of templates"
    )
    model: str | None = Field(None, max_length=200)


def _small(value: dict[str, str]) -> dict[str, str]:
    if sum(len(k.encode()) + len(v.encode()) for k, v in value.items()) > MAX_METADATA_BYTES:
        raise ValueError(f"metadata may hold {MAX_METADATA_BYTES} bytes at most")
    return value


_Metadata = Annotated[dict[str, str], AfterValidator(_small)]


class FixIssueJob(_Strict):
    """One job, as a sender writes it. ``issue_url`` is enough by itself."""

    issue_url: str = Field(max_length=2_000, description="https://github.com/OWNER/NAME/issues/N")
    schema_version: int = Field(SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)
    job_id: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$",
        description="derived from the issue when left out",
    )
    base_branch: str | None = Field(None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}$")
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
        if value is not None and re.search(r"\.\.|//|/\.|\.lock(/|$)|[./]$", value):
            raise ValueError(f"{value!r} is not a branch name that git takes")
        return value

    @property
    def issue(self) -> IssueRef:
        return IssueRef.parse(self.issue_url)

    @property
    def id(self) -> str:
        """The job's identity: as given, else derived from the issue's canonical address and the
        base branch.
        """
        return self.job_id or derived_job_id(self.issue.url, self.base_branch)

    @property
    def digest(self) -> str:
        """Tells two bodies under one id apart. A replay is another run of the same job, so it is
        left out.
        """
        body = self.model_dump(mode="json", exclude={"replay"}, exclude_defaults=True) | {
            "job_id": self.id
        }
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> str:
        return self.model_dump_json(exclude_defaults=True)


def derived_job_id(issue_url: str, base_branch: str | None) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{issue_url}\n{base_branch or ''}"))


class UnreadableMessage(ValueError):
    """The message is no job at all: not JSON, not an object, or without an issue's address."""


class NotJson(UnreadableMessage):
    """The message is not even JSON."""


class NewerSchema(ValueError):
    """The message was written for a newer worker; it must wait for one, not be buried."""


class InvalidJob(ValueError):
    """The message names an issue but is otherwise invalid. ``job_id`` and ``issue`` say whose
    outcome is *rejected*.
    """

    def __init__(
        self, message: str, *, field: str, job_id: str, issue: IssueRef, metadata: dict[str, str]
    ):
        super().__init__(message)
        self.field = field
        """The first field that is wrong; dots lead inwards."""
        self.job_id = job_id
        self.issue = issue
        self.metadata = metadata


def parse_job(body: str | bytes) -> FixIssueJob:
    """Read a message's body.

    Raises:
        UnreadableMessage, NewerSchema, InvalidJob: see each; the text is one clear sentence for the sender.
    """
    try:
        raw: Any = json.loads(body)
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
        given = raw.get("job_id")
        metadata = raw.get("metadata")
        valid_id = isinstance(given, str) and re.fullmatch(
            r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", given
        )
        base = raw.get("base_branch")
        raise InvalidJob(
            explain(error),
            field=".".join(str(part) for part in error.errors()[0]["loc"]),
            job_id=(
                str(given)
                if valid_id
                else derived_job_id(issue.url, base if isinstance(base, str) else None)
            ),
            issue=issue,
            metadata=_returnable(metadata),
        ) from error


def _returnable(metadata: Any) -> dict[str, str]:
    """What of an invalid job's metadata its event can hand back: all of it, or nothing."""
    try:
        return TypeAdapter(_Metadata).validate_python(metadata)
    except ValidationError:
        return {}


def explain(error: ValidationError) -> str:
    """A validation error as one line: the first few fields, and what is wrong with each."""
    said = []
    for item in error.errors(include_url=False, include_input=False)[:MAX_TOLD]:
        field = ".".join(str(part)[:100] for part in item["loc"]) or "message"
        told = item["msg"].removeprefix("Value error, ")[:300]
        said.append(
            f"{field}: unknown field" if item["type"] == "extra_forbidden" else f"{field}: {told}"
        )
    if (more := error.error_count() - MAX_TOLD) > 0:
        said.append(f"and {more} more")
    return "; ".join(said)
