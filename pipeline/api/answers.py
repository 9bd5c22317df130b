"""What the intake says: its answers, and its one shape of error."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from pipeline.store.contract import Call, RunRow

if TYPE_CHECKING:
    from starlette.responses import Response

MAX_MESSAGE = 2_000


class Refusal(Exception):
    """A request's end, as an error's status, its code for programs and its message for people."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        headers: dict[str, str] | None = None,
        retry_after: int | None = None,
    ):
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.headers = (headers or {}) | (
            {"Retry-After": str(retry_after)} if retry_after is not None else {}
        )

    def response(self, request_id: str) -> "Response":
        from starlette.responses import JSONResponse

        error = ErrorBody(
            code=self.code,
            message=_plain(self.message),
            field=_plain(self.field) if self.field else None,
        )
        told = Problem(error=error, request_id=request_id).model_dump(exclude_none=True)
        return JSONResponse(told, self.status, self.headers)


def _plain(text: str) -> str:
    """It may quote a hostile body: half of a surrogate pair can't be written as UTF-8."""
    return text[:MAX_MESSAGE].encode(errors="backslashreplace").decode()


class ErrorBody(BaseModel):
    code: str
    message: str
    field: str | None = Field(None, description="the body's field that is wrong; dots lead inwards")


class Problem(BaseModel):
    error: ErrorBody
    request_id: str


class Accepted(BaseModel):
    job_id: str
    generation: int | None = Field(
        description="null: a replay that is made once the run before it has ended"
    )
    status_url: str
    duplicate: bool = Field(description="this run was asked for before; nothing is spent twice")


class JobView(BaseModel):
    """The newest run of a job."""

    job_id: str
    generation: int
    issue_url: str
    repository: str
    state: str = Field(description="queued, running or finished")
    outcome: str | None
    reason: str | None
    round: int
    seconds: float = Field(description="seconds of work, waiting left out")
    cost_usd: float = Field(description="US dollars spent and reserved so far")
    cancel_requested: bool
    created_at: str
    finished_at: str | None
    result: dict[str, Any] | None = Field(description="the data of the run.finished event")

    @classmethod
    def of(cls, run: RunRow, calls: list[Call]) -> "JobView":
        told = asdict(run) | {
            "cost_usd": sum(call.micro_usd for call in calls) / 1e6,
            "created_at": moment(run.created_at),
            "finished_at": moment(run.finished_at) if run.finished_at else None,
            "result": json.loads(run.result) if run.result else None,
        }
        return cls.model_validate(told)  # which leaves out the fields that it has not


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
