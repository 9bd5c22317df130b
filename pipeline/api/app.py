"""The FastAPI app: its routes, who may call them, and the published OpenAPI document."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pipeline.api.answers import Accepted, JobView, Problem, Refusal, moment
from pipeline.api.envelope import Envelope
from pipeline.api.intake import Intake, read_job
from pipeline.api.keys import ApiKeys, Buckets
from pipeline.errors import describe
from pipeline.job import FixIssueJob
from pipeline.store.contract import RunStore

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

log = logging.getLogger(__name__)

#: What SQS took in a message until 2025 was twice this.
MAX_BODY = 128 * 1024
BODY_SECONDS = 20.0
#: Calls a second, and at once: of a key, and of an address that shows none or a wrong one.
KEY_RATE = 10.0
KEY_BURST = 100
STRANGER_RATE = 1.0
STRANGER_BURST = 60
CHECK_SECONDS = 5.0
#: Anybody may ask /ready: what it found is told again for so many seconds.
READY_SECONDS = 5.0
_HOST = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


def create_app(
    *,
    store: RunStore,
    send: Callable[[FixIssueJob], Awaitable[object]],
    keys: ApiKeys,
    vitals: Callable[[], Mapping[str, float]],
    vital_limits: Mapping[str, float],
    checks: Mapping[str, Callable[[], Awaitable[object]]],
    clock: Callable[[], float] = time.time,
    ticks: Callable[[], float] = time.monotonic,
) -> "FastAPI":
    """The intake.

    ``send`` puts a job on the queue. ``vitals`` tells for each name in ``vital_limits`` how many seconds ago it last
    turned: ``/health`` fails once that exceeds the limit. ``checks`` are ``/ready``'s: one that raises fails; they run
    at once, within CHECK_SECONDS. ``clock`` is the store's, ``ticks`` a monotonic one.
    """
    from fastapi import Depends, FastAPI, Path, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse, Response
    from fastapi.security import APIKeyHeader
    from starlette.exceptions import HTTPException

    app = FastAPI(
        title="coding-agent",
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        description="Turns GitHub issues into pull requests.",
        responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    )
    app.add_middleware(Envelope)
    intake = Intake(store, send, clock)
    ready = _Ready(checks, ticks)
    by_key = Buckets(KEY_RATE, KEY_BURST, ticks)
    strangers = Buckets(STRANGER_RATE, STRANGER_BURST, ticks)

    async def refused(request: Request, error: Exception) -> Response:
        match error:
            case HTTPException():
                code = {404: "not_found", 405: "method_not_allowed"}.get(
                    error.status_code, "refused"
                )
                error = Refusal(
                    error.status_code, code, error.detail, headers=dict(error.headers or {})
                )
            case RequestValidationError():  # of a path: bodies are read by ourselves
                wrong = error.errors()[0]
                error = Refusal(
                    422,
                    "invalid_path",
                    f"{wrong['loc'][-1]}: {wrong['msg']}",
                    field=str(wrong["loc"][-1]),
                )
        assert isinstance(error, Refusal)  # noqa: S101 (it is registered for these three)
        return error.response(request.state.request_id)

    for kind in (Refusal, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, refused)

    async def caller(
        request: Request,
        key: Annotated[
            str | None, Depends(APIKeyHeader(name="X-API-Key", scheme_name="key", auto_error=False))
        ],
    ) -> str:
        """The name of the caller's key. Who shows a right one is never refused for what others at
        its address tried.
        """
        owner = keys.owner(key) if key else None
        if owner is None:
            if wait := strangers.take(request.client.host if request.client else "-"):
                raise Refusal(
                    429, "rate_limited", "too many calls without a right key", retry_after=wait
                )
            if not keys:
                message = (
                    "this service has no API keys, so it refuses every call: set"
                    " CODING_AGENT_API_KEYS"
                )
            else:
                message = "the X-API-Key is wrong" if key else "the X-API-Key header is missing"
            raise Refusal(
                401,
                "unauthorized",
                message,
                headers={"WWW-Authenticate": 'ApiKey realm="coding-agent"'},
            )
        request.state.key = owner
        if wait := by_key.take(owner):
            raise Refusal(
                429, "rate_limited", f"key {owner} calls too often; wait {wait} s", retry_after=wait
            )
        return owner

    Caller = Annotated[str, Depends(caller)]
    JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]

    @app.get("/health", summary="Whether the worker turns, though it may not succeed")
    async def health() -> JSONResponse:
        told = vitals()
        late = [
            f"{name} has not turned since {moment(clock() - told[name])} ({told[name]:.0f} s ago;"
            f" at most {limit:g} s)"
            for name, limit in vital_limits.items()
            if told[name] > limit
        ]
        if late:
            raise Refusal(503, "unhealthy", "; ".join(late))
        return JSONResponse(
            {"status": "ok", "seconds_since": {name: round(told[name], 1) for name in vital_limits}}
        )

    @app.get("/ready", summary="Whether a job could be run now")
    async def readiness() -> JSONResponse:
        if failing := await ready.failing():
            said = "; ".join(f"{name}: {why}" for name, why in failing.items())
            raise Refusal(503, "not_ready", said, retry_after=int(READY_SECONDS))
        return JSONResponse({"status": "ready", "checks": sorted(checks)})

    job_schema = FixIssueJob.model_json_schema(ref_template="#/components/schemas/{model}")
    parts = job_schema.pop("$defs", {}) | {"FixIssueJob": job_schema}
    body = {"application/json": {"schema": {"$ref": "#/components/schemas/FixIssueJob"}}}

    @app.post(
        "/fix-issue",
        status_code=202,
        summary="Queue a job; the same issue again is the same job",
        openapi_extra={"requestBody": {"required": True, "content": body}},
    )
    async def fix_issue(request: Request, owner: Caller) -> Accepted:
        job = read_job(await _body(request))
        return await intake.accept(job, owner, _address(request, f"/jobs/{job.id}"))

    @app.get("/jobs/{job_id}", summary="The newest run of one of the key's own jobs")
    async def show(job_id: JobId, owner: Caller) -> JobView:
        return await intake.show(job_id, owner)

    @app.post("/jobs/{job_id}/cancel", status_code=202, summary="Ask a job's run to stop")
    async def cancel(job_id: JobId, owner: Caller) -> JobView:
        return await intake.cancel(job_id, owner)

    app.openapi()["components"]["schemas"].update(parts)
    return app


class _Ready:
    """The checks, asked by one caller at a time and no more often than READY_SECONDS."""

    def __init__(
        self, checks: Mapping[str, Callable[[], Awaitable[object]]], ticks: Callable[[], float]
    ):
        self._checks = checks
        self._ticks = ticks
        self._lock = asyncio.Lock()
        self._found: tuple[float, dict[str, str]] | None = None

    async def failing(self) -> dict[str, str]:
        """name -> why, without anything that a stranger may not read; the log knows more."""
        async with self._lock:
            if self._found is None or self._ticks() - self._found[0] >= READY_SECONDS:
                found = await asyncio.gather(
                    *(self._why(name, check) for name, check in self._checks.items())
                )
                why = {name: told for name, told in zip(self._checks, found, strict=True) if told}
                self._found = (self._ticks(), why)
            return self._found[1]

    async def _why(self, name: str, check: Callable[[], Awaitable[object]]) -> str | None:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await check()
        except Exception as error:
            log.warning("not ready: %s: %s", name, describe(error))
            return type(error).__name__
        return None


async def _body(request: "Request") -> bytes:
    """The body as it comes, whatever its headers say of its length.

    Raises:
        Refusal: 400, 408, 413, 415.
    """
    from starlette.requests import ClientDisconnect

    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if (
        kind != "application/json"
        or request.headers.get("content-encoding", "identity") != "identity"
    ):
        raise Refusal(
            415, "unsupported_media_type", "send JSON as it is, with Content-Type: application/json"
        )
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise Refusal(413, "too_large", f"the body may have {MAX_BODY} bytes at most")
    except TimeoutError:
        raise Refusal(408, "too_slow", f"the body did not come within {BODY_SECONDS:g} s") from None
    except ClientDisconnect:
        raise Refusal(400, "cut_off", "the connection closed before the body ended") from None
    return bytes(body)


def _address(request: "Request", path: str) -> str:
    """Absolute as the caller spells this service, which a load balancer passes on; else the path
    alone.
    """
    host: Any = request.headers.get("host", "")
    scheme = (
        "https" if request.headers.get("x-forwarded-proto") == "https" else request.scope["scheme"]
    )
    return f"{scheme}://{host}{path}" if _HOST.fullmatch(host) else path
