"""Refused requests, and the response body of every error."""

from pydantic import BaseModel, Field

#: Maximum characters of a message.
MAX_MESSAGE = 2_000
#: Maximum characters of a field's name.
MAX_FIELD = 200


class Refusal(Exception):
    """The request is refused with an HTTP status.

    ``code`` is for programs, ``message`` for people; ``field`` is the invalid field of the body;
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
    field: str | None = Field(None, description="dotted path of the body's invalid field")


class Problem(BaseModel):
    error: ErrorBody
    request_id: str


def _printable(text: str, length: int) -> str:
    """Truncate a text and escape lone surrogates, which it may quote from a hostile body."""
    return text[:length].encode(errors="backslashreplace").decode()
