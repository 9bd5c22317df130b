"""Options of AWS clients, with time-outs short enough for a worker that is stopping."""

import os
from contextlib import AbstractAsyncContextManager
from typing import Any


def region() -> str | None:
    """Return the region from ``AWS_REGION``, which ECS and people set but boto3 does not read.

    If it is None, boto3 looks for a region itself.
    """
    return os.environ.get("AWS_REGION") or None


def limits(*, read_seconds: float = 30.0, attempts: int = 3) -> dict[str, Any]:
    """Return options for botocore's Config. ``read_seconds`` must exceed a long poll's 20 s."""
    return {
        "connect_timeout": 5,
        "read_timeout": read_seconds,
        "retries": {"mode": "standard", "total_max_attempts": attempts},
    }


def open_client(service: str) -> AbstractAsyncContextManager[Any]:
    """Return an asynchronous client of a service, to be entered as a context."""
    import aioboto3
    from aiobotocore.config import AioConfig

    session = aioboto3.Session()
    client: AbstractAsyncContextManager[Any] = session.client(
        service, region_name=region(), config=AioConfig(**limits())
    )
    return client
