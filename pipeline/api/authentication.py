"""FastAPI dependencies that identify a request's caller."""

from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader

from pipeline.api.keys import Caller, Gate

KeyHeader = Annotated[
    str | None, Depends(APIKeyHeader(name="X-API-Key", scheme_name="key", auto_error=False))
]


async def identify_caller(request: Request, key: KeyHeader) -> Caller:
    """Return the caller.

    Raises:
        Refusal: 401 or 429.
    """
    gate = cast(Gate, request.app.state.gate)
    address = request.client.host if request.client else "-"
    caller = gate.identify(key, address)
    request.state.key = caller.name  # for the log, even if the call is refused
    gate.limit(caller)
    return caller


CallerDep = Annotated[Caller, Depends(identify_caller)]
