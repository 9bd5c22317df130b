"""Reading a job from a request's body, for callers with a right key alone."""

import json
from typing import Annotated

import anyio
from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from pipeline.api.authentication import Caller
from pipeline.api.problem import Refusal
from pipeline.job import FixIssueJob, InvalidJob, NewerSchema, NotJson, UnreadableMessage, parse_job
from pipeline.queue.attributes import REFUSED_CHARACTERS

#: Bytes of a body. Until 2025 SQS took twice this in a message.
MAX_BODY = 128 * 1024
#: Seconds within which a body must have come.
BODY_SECONDS = 20.0


async def read_job(request: Request, _caller: Caller) -> FixIssueJob:
    """Read the job. FastAPI identifies the caller first, since it is a dependency of this one.

    Raises:
        Refusal: 400, 408, 413, 415; 422 with one message, and the first field that is wrong.
    """
    body = await _read_body(request)
    try:
        job = parse_job(body.decode())
    except UnicodeDecodeError as error:
        raise Refusal(422, "invalid_json", f"the body is not JSON: {error}") from error
    except NotJson as error:
        raise Refusal(422, "invalid_json", str(error)) from error
    except UnreadableMessage as error:
        field = "issue_url" if str(error).startswith("issue_url") else None
        raise Refusal(422, "invalid_job", str(error), field=field) from error
    except NewerSchema as error:
        raise Refusal(422, "invalid_job", str(error), field="schema_version") from error
    except InvalidJob as error:
        raise Refusal(422, "invalid_job", str(error), field=error.field) from error
    _check_characters(job)
    return job


JobBody = Annotated[FixIssueJob, Depends(read_job)]


async def _read_body(request: Request) -> bytes:
    """Read the body as it comes, whatever its headers say of its length."""
    headers = request.headers
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = headers.get("content-encoding", "identity")
    if media_type != "application/json" or encoding != "identity":
        message = "send JSON as it is, with Content-Type: application/json"
        raise Refusal(415, "unsupported_media_type", message)
    body = bytearray()
    try:
        with anyio.fail_after(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    message = f"the body may have {MAX_BODY} bytes at most"
                    raise Refusal(413, "too_large", message)
    except TimeoutError:
        message = f"the body did not come within {BODY_SECONDS:g} s"
        raise Refusal(408, "too_slow", message) from None
    except ClientDisconnect:
        message = "the connection closed before the body ended"
        raise Refusal(400, "cut_off", message) from None
    return bytes(body)


def _check_characters(job: FixIssueJob) -> None:
    """Raises Refusal: 422 where the job holds text that SQS takes in no message."""
    for name, value in job.model_dump(mode="json").items():
        if REFUSED_CHARACTERS.search(json.dumps(value, ensure_ascii=False)):
            message = f"{name}: holds U+FFFE or U+FFFF, which SQS takes in no message"
            raise Refusal(422, "invalid_job", message, field=name)
