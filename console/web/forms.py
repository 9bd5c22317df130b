"""Reading a form that was sent to the console."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from pipeline.api.problem import Refusal
from pipeline.api.request_body import read_body

#: Maximum bytes of a form: the ids of some thousand messages.
MAX_FORM = 256 * 1024
MAX_FIELDS = 5_000
_TYPE = "application/x-www-form-urlencoded"


class Form:
    """The fields of a form; a name may occur several times."""

    def __init__(self, fields: list[tuple[str, str]]):
        self._fields = fields

    def one(self, name: str) -> str:
        """Return a field's first value, empty if it has none."""
        values = self.all(name)
        return values[0] if values else ""

    def all(self, name: str) -> list[str]:
        return [value for field, value in self._fields if field == name]


async def read_form(request: Request) -> Form:
    """Read a form.

    Raises:
        Refusal: 400, 408, 413, 415, 422.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise Refusal(415, "unsupported_media_type", f"send a form as {_TYPE}")
    body = await read_body(request, MAX_FORM)
    try:
        text = body.decode("ascii")
        return Form(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError as error:
        raise Refusal(422, "invalid_form", f"the form can't be read: {error}") from error
