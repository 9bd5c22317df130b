"""From a raw message to a job, or to the sentence that says what is wrong with it."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from pipeline.envelopes import UnreadableEnvelope, unwrap
from pipeline.job.fields import JOB_ID, Metadata
from pipeline.job.jobs import (
    ADDRESS_REVIEW,
    FIX_ISSUE,
    SCHEMA_VERSION,
    AddressReviewJob,
    FixIssueJob,
    Job,
    derived_job_id,
)
from pipeline.job.subjects import IssueRef, PullRef

#: Bytes of an invalid job that are stored: DynamoDB takes 400 KB, and SQS up to 1 MiB.
MAX_STORED_BYTES = 100_000
#: Maximum number of invalid fields that an error message names: a hostile job may have thousands.
MAX_REPORTED_FIELDS = 10


@dataclass(frozen=True)
class JobRefusal:
    """Why a valid job is not accepted."""

    field: str
    """The dotted path of the field that it is about."""
    reason: str
    """One sentence."""


class UnreadableMessage(ValueError):
    """The message is not a job: it is not JSON, not an object, or names neither an issue nor a pull
    request.
    """

    def __init__(self, message: str, *, field: str | None = None):
        super().__init__(message)
        self.field = field
        """The field that it is about; None if it is about the message as a whole."""


class NotJson(UnreadableMessage):
    """The message is not even JSON."""


class NewerSchema(ValueError):
    """The message was written for a newer worker, and must wait for one."""


class InvalidJob(ValueError):
    """The message names an issue or a pull request but is otherwise invalid.

    ``job_id`` and ``subject`` identify the run that ends as *rejected*.
    """

    def __init__(
        self,
        message: str,
        *,
        field: str,
        job_id: str,
        subject: IssueRef | PullRef,
        metadata: dict[str, str],
    ):
        super().__init__(message)
        self.field = field
        """The dotted path of the first invalid field."""
        self.job_id = job_id
        self.subject = subject
        self.metadata = metadata


def parse_job(body: str | bytes) -> Job:
    """Parse a message's body. The text of each error is one clear sentence for the sender.

    The job may be in an envelope of SNS or EventBridge.

    Raises:
        UnreadableMessage: it is not a job.
        NewerSchema: it was written for a newer worker.
        InvalidJob: it names an issue or a pull request but is otherwise invalid.
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
    model = _job_model(raw)
    subject = _read_subject(raw, model)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise InvalidJob(
            explain(error),
            field=".".join(str(part) for part in error.errors()[0]["loc"]),
            job_id=_readable_job_id(raw, model, subject),
            subject=subject,
            metadata=_readable_metadata(raw),
        ) from error


def shorten_invalid(body: str, error: InvalidJob) -> str:
    """Return the body of an invalid job, or another one that every store can hold.

    The other one is an invalid job with the same id, about the same subject. It is the same for the
    same body only.
    """
    data = body.encode()
    if len(data) <= MAX_STORED_BYTES:
        return body
    model = AddressReviewJob if isinstance(error.subject, PullRef) else FixIssueJob
    shortened = {
        "type": ADDRESS_REVIEW if model is AddressReviewJob else FIX_ISSUE,
        "job_id": error.job_id,
        model.SUBJECT_FIELD: error.subject.url,
        "sha256_of_too_long_message": hashlib.sha256(data).hexdigest(),
    }
    return json.dumps(shortened)


def _job_model(raw: dict[str, Any]) -> type[Job]:
    """Return the model of the message's type. An unknown type is an invalid job for an issue."""
    return AddressReviewJob if raw.get("type") == ADDRESS_REVIEW else FixIssueJob


def _read_subject(raw: dict[str, Any], model: type[Job]) -> IssueRef | PullRef:
    """Return the issue or pull request that the message names.

    Raises:
        UnreadableMessage: it names none.
    """
    field = model.SUBJECT_FIELD
    parse = PullRef.parse if model is AddressReviewJob else IssueRef.parse
    try:
        return parse(str(raw.get(field, "")))
    except ValueError as error:
        job_type = raw.get("type", FIX_ISSUE)
        if job_type not in (FIX_ISSUE, ADDRESS_REVIEW):
            known = f"{FIX_ISSUE} and {ADDRESS_REVIEW}"
            name = str(job_type)[:40]
            message = f"type: there is no {name!r}, only {known}"
            raise UnreadableMessage(message, field="type") from error
        raise UnreadableMessage(f"{field}: {error}", field=field) from error


def _readable_job_id(raw: dict[str, Any], model: type[Job], subject: IssueRef | PullRef) -> str:
    """Return the id of an invalid job: its job_id if that is valid, otherwise the derived one."""
    job_id = raw.get("job_id")
    if isinstance(job_id, str) and re.fullmatch(JOB_ID, job_id):
        return job_id
    detail = raw.get("request" if model is AddressReviewJob else "base_branch")
    return derived_job_id(subject.url, detail if isinstance(detail, str) else None)


def _readable_metadata(raw: dict[str, Any]) -> dict[str, str]:
    """Return an invalid job's metadata for its event; empty if the metadata itself is invalid."""
    try:
        return TypeAdapter(Metadata).validate_python(raw.get("metadata"))
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
