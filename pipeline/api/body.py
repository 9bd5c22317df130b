"""Reading a job from a request's body, only for callers with a valid key."""

import json
from typing import Annotated

from fastapi import Depends, Request

from pipeline.api.authentication import CallerDep
from pipeline.api.problem import Refusal
from pipeline.api.request_body import read_body
from pipeline.job import (
    ADDRESS_REVIEW,
    AddressReviewJob,
    FixIssueJob,
    InvalidJob,
    Job,
    NewerSchema,
    NotJson,
    UnreadableMessage,
    parse_job,
)
from pipeline.message_text import REFUSED_CHARACTERS

#: Maximum bytes of a body. Until 2025 the limit of an SQS message was twice this.
MAX_BODY = 128 * 1024


async def read_job(request: Request, _caller: CallerDep) -> Job:
    """Read the job. FastAPI identifies the caller first, since this depends on it.

    Raises:
        Refusal: 400, 408, 413, 415; 422 with one message and the first invalid field.
    """
    body = await _read_json(request)
    try:
        job = parse_job(body.decode())
    except UnicodeDecodeError as error:
        raise Refusal(422, "invalid_json", f"the body is not JSON: {error}") from error
    except NotJson as error:
        raise Refusal(422, "invalid_json", str(error)) from error
    except UnreadableMessage as error:
        raise Refusal(422, "invalid_job", str(error), field=error.field) from error
    except NewerSchema as error:
        raise Refusal(422, "invalid_job", str(error), field="schema_version") from error
    except InvalidJob as error:
        raise Refusal(422, "invalid_job", str(error), field=error.field) from error
    _check_characters(job)
    return job


def _require_fix_job(job: Annotated[Job, Depends(read_job)]) -> FixIssueJob:
    if not isinstance(job, FixIssueJob):
        message = "type: POST jobs that address a review to /address-review"
        raise Refusal(422, "invalid_job", message, field="type")
    return job


def _require_review_job(job: Annotated[Job, Depends(read_job)]) -> AddressReviewJob:
    if not isinstance(job, AddressReviewJob):
        message = f"type: must be {ADDRESS_REVIEW!r} here; POST issues to /fix-issue"
        raise Refusal(422, "invalid_job", message, field="type")
    return job


FixIssueBody = Annotated[FixIssueJob, Depends(_require_fix_job)]
AddressReviewBody = Annotated[AddressReviewJob, Depends(_require_review_job)]


async def _read_json(request: Request) -> bytes:
    headers = request.headers
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = headers.get("content-encoding", "identity")
    if media_type != "application/json" or encoding != "identity":
        message = "send uncompressed JSON with Content-Type: application/json"
        raise Refusal(415, "unsupported_media_type", message)
    return await read_body(request, MAX_BODY)


def _check_characters(job: Job) -> None:
    """Raise Refusal (422) if the job contains characters that SQS accepts in no message."""
    for name, value in job.model_dump(mode="json").items():
        if REFUSED_CHARACTERS.search(json.dumps(value, ensure_ascii=False)):
            message = f"{name}: contains U+FFFE or U+FFFF, which SQS does not accept"
            raise Refusal(422, "invalid_job", message, field=name)
