"""The FastAPI app: its routes, its errors, and the published OpenAPI document."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, FastAPI, Header, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from pipeline.api.authentication import CallerDep
from pipeline.api.body import AddressReviewBody, FixIssueBody
from pipeline.api.health import Check, Liveness, Readiness
from pipeline.api.intake import Accepted, Intake, JobView
from pipeline.api.keys import ApiKeys, Gate
from pipeline.api.middleware import RequestMiddleware
from pipeline.api.problem import Problem, Refusal
from pipeline.api.proxies import was_passed_on
from pipeline.api.webhook import route as webhook_route
from pipeline.api.webhook.delivery import WebhookEndpoint
from pipeline.clock import Clock
from pipeline.job import AddressReviewJob, FixIssueJob, Job

_SCHEMAS = "#/components/schemas/"
_CODES = {404: "not_found", 405: "method_not_allowed"}
#: https://prometheus.io/docs/instrumenting/exposition_formats/
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_HOST = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")

router = APIRouter()


def _job_body(job: type[Job]) -> dict[str, Any]:
    """Return the documentation of a route's body."""
    schema = {"$ref": f"{_SCHEMAS}{job.__name__}"}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def create_app(
    *,
    intake: Intake,
    keys: ApiKeys,
    liveness: Liveness,
    checks: Mapping[str, Check],
    webhook: WebhookEndpoint | None = None,
    metrics: Callable[[], bytes] | None = None,
    clock: Clock | None = None,
) -> FastAPI:
    """Create the HTTP app.

    Args:
        intake: the operations on jobs.
        keys: the valid API keys.
        liveness: what ``/health`` reports.
        checks: the checks of ``/ready``; a check fails by raising, and may return ``Degraded``.
        webhook: receives GitHub's events; None if it is off.
        metrics: returns the text of ``/metrics``; None if it is not served.
        clock: for tests.
    """
    clock = clock or Clock()
    app = FastAPI(
        title="coding-agent",
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        description="Turns GitHub issues into pull requests.",
        responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    )
    app.state.gate = Gate(keys, clock.monotonic)
    app.state.intake = intake
    app.state.liveness = liveness
    app.state.readiness = Readiness(checks, clock)
    app.state.webhook = webhook
    app.state.metrics = metrics
    app.add_middleware(RequestMiddleware)
    app.add_exception_handler(Refusal, _respond_to_refusal)
    app.add_exception_handler(HTTPException, _respond_to_http_error)
    app.add_exception_handler(RequestValidationError, _respond_to_invalid_path)
    app.include_router(router)
    app.include_router(webhook_route.router)
    _document_jobs(app)
    return app


def _intake(request: Request) -> Intake:
    return cast(Intake, request.app.state.intake)


def _liveness(request: Request) -> Liveness:
    return cast(Liveness, request.app.state.liveness)


def _readiness(request: Request) -> Readiness:
    return cast(Readiness, request.app.state.readiness)


IntakeDep = Annotated[Intake, Depends(_intake)]
LivenessDep = Annotated[Liveness, Depends(_liveness)]
ReadinessDep = Annotated[Readiness, Depends(_readiness)]
TraceparentHeader = Annotated[
    str | None, Header(description="the caller's place in its trace, as W3C writes it")
]
JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]


@router.get("/health", summary="Whether the worker's loops are turning")
async def health(liveness: LivenessDep) -> JSONResponse:
    """Stays 200 while the worker is paused: a new task would not receive messages either."""
    body: dict[str, object] = {"status": "ok", "seconds_since": liveness.check()}
    reason = liveness.paused()
    if reason is not None:
        body.update(status="paused", reason=reason)
    return JSONResponse(body)


@router.get("/ready", summary="Whether a job could run now")
async def ready(readiness: ReadinessDep) -> JSONResponse:
    report = await readiness.check()
    body: dict[str, object] = {"status": "ready", "checks": report.checks}
    if report.degraded:
        body["degraded"] = report.degraded
    return JSONResponse(body)


@router.get("/metrics", summary="The worker's figures, for Prometheus", include_in_schema=False)
async def show_metrics(request: Request) -> Response:
    """Needs no key, as it names no job and no repository, and no load balancer passes it on: they
    say whose request it is.
    """
    metrics = cast(Callable[[], bytes] | None, request.app.state.metrics)
    if metrics is None or was_passed_on(request):
        raise HTTPException(404)
    return Response(metrics(), media_type=METRICS_TYPE)


@router.post(
    "/fix-issue",
    status_code=202,
    summary="Queue a job; the same issue again is the same job",
    openapi_extra=_job_body(FixIssueJob),
)
async def fix_issue(
    request: Request,
    caller: CallerDep,
    job: FixIssueBody,
    intake: IntakeDep,
    traceparent: TraceparentHeader = None,
) -> Accepted:
    status_url = _absolute_url(request, f"/jobs/{job.id}")
    return await intake.accept(job, caller, status_url, traceparent)


@router.post(
    "/address-review",
    status_code=202,
    summary="Queue the answer to a review of one of the service's pull requests",
    openapi_extra=_job_body(AddressReviewJob),
)
async def address_review(
    request: Request,
    caller: CallerDep,
    job: AddressReviewBody,
    intake: IntakeDep,
    traceparent: TraceparentHeader = None,
) -> Accepted:
    status_url = _absolute_url(request, f"/jobs/{job.id}")
    return await intake.accept(job, caller, status_url, traceparent)


@router.get("/jobs/{job_id}", summary="The newest run of one of the key's own jobs")
async def show(job_id: JobId, caller: CallerDep, intake: IntakeDep) -> JobView:
    return await intake.show(job_id, caller)


@router.post("/jobs/{job_id}/cancel", status_code=202, summary="Ask a job's run to stop")
async def cancel(job_id: JobId, caller: CallerDep, intake: IntakeDep) -> JobView:
    return await intake.cancel(job_id, caller)


def _respond_to_refusal(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)  # noqa: S101 (registered for it)
    return JSONResponse(error.body(request.state.request_id), error.status, error.headers)


def _respond_to_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for it)
    code = _CODES.get(error.status_code, "refused")
    headers = dict(error.headers or {})
    refusal = Refusal(error.status_code, code, error.detail, headers=headers)
    return _respond_to_refusal(request, refusal)


def _respond_to_invalid_path(request: Request, error: Exception) -> JSONResponse:
    """Respond to an invalid job_id in the path.

    It can't be about a body: no route declares one to FastAPI, which would parse it before the
    caller is identified.
    """
    assert isinstance(error, RequestValidationError)  # noqa: S101 (registered for it)
    first = error.errors()[0]
    field = str(first["loc"][-1])
    refusal = Refusal(422, "invalid_path", f"{field}: {first['msg']}", field=field)
    return _respond_to_refusal(request, refusal)


def _document_jobs(app: FastAPI) -> None:
    """Add the schemas of the bodies to the OpenAPI document."""
    schemas: dict[str, Any] = app.openapi()["components"]["schemas"]
    for job in (FixIssueJob, AddressReviewJob):
        job_schema = job.model_json_schema(ref_template=_SCHEMAS + "{model}")
        schemas.update(job_schema.pop("$defs", {}))
        schemas[job.__name__] = job_schema


def _absolute_url(request: Request, path: str) -> str:
    """Return the URL with the caller's Host header, which a load balancer passes on.

    Without a valid one, return only the path.
    """
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        return path
    scheme = request.scope["scheme"]
    if request.headers.get("x-forwarded-proto") == "https":
        scheme = "https"
    return f"{scheme}://{host}{path}"
