"""Reading the body of a request within limits of size and time."""

import anyio
from starlette.requests import ClientDisconnect, Request

from pipeline.api.problem import Refusal

#: Seconds within which the whole body must arrive.
BODY_SECONDS = 20.0


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Read the body in chunks, without trusting its Content-Length.

    Raises:
        Refusal: 400 if the connection closed before its end; 408; 413.
    """
    body = bytearray()
    try:
        with anyio.fail_after(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    message = f"the body may have at most {max_bytes} bytes"
                    raise Refusal(413, "too_large", message)
    except TimeoutError:
        message = f"the body did not arrive within {BODY_SECONDS:g} s"
        raise Refusal(408, "too_slow", message) from None
    except ClientDisconnect:
        message = "the connection closed before the body ended"
        raise Refusal(400, "cut_off", message) from None
    return bytes(body)
