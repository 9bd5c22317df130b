"""FastAPI dependencies that identify a request's caller."""

from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader

from pipeline.api.keys import Gate

ApiKey = Annotated[
    str | None, Depends(APIKeyHeader(name="X-API-Key", scheme_name="key", auto_error=False))
]


async def identify_caller(request: Request, key: ApiKey) -> str:
    """Return the name of the caller's key.

    Raises:
        Refusal: 401 or 429.
    """
    gate = cast(Gate, request.app.state.gate)
    address = request.client.host if request.client else "-"
    owner = gate.identify(key, address)
    request.state.key = owner  # for the log, even if the call is refused
    gate.limit(owner)
    return owner


Caller = Annotated[str, Depends(identify_caller)]
