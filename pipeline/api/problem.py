"""A refused request, and the one shape of error that its sender reads."""

from pydantic import BaseModel, Field

#: Characters of a message.
MAX_MESSAGE = 2_000
#: Characters of a field's name.
MAX_FIELD = 200


class Refusal(Exception):
    """The request is refused with an HTTP status.

    ``code`` is for programs, the message for people; ``field`` is the body's wrong field;
    ``retry_after`` is in seconds.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        retry_after: int | None = None,
        headers: dict[str, str] | None = None,
    ):
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)

    def body(self, request_id: str) -> dict[str, object]:
        """Return the response's body as JSON values."""
        error = ErrorBody(code=self.code, message=_printable(self.message, MAX_MESSAGE))
        if self.field:
            error.field = _printable(self.field, MAX_FIELD)
        problem = Problem(error=error, request_id=request_id)
        return problem.model_dump(exclude_none=True)


class ErrorBody(BaseModel):
    code: str
    message: str
    field: str | None = Field(None, description="the body's field that is wrong; dots lead inwards")


class Problem(BaseModel):
    error: ErrorBody
    request_id: str


def _printable(text: str, length: int) -> str:
    """Cut a text that may quote a hostile body: half a surrogate pair can't be written as UTF-8."""
    return text[:length].encode(errors="backslashreplace").decode()
