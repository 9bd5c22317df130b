"""Sessions and options of AWS clients, whose time-outs suit a worker that is stopping."""

import functools
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
    from aiobotocore.config import AioConfig

    client: AbstractAsyncContextManager[Any] = async_session().client(
        service, region_name=region(), config=AioConfig(**limits())
    )
    return client


def make_client(service: str, *, read_seconds: float, attempts: int = 3) -> Any:
    """Return a synchronous client of a service; see ``limits``. It reads files: make it in a thread
    if others wait.
    """
    from botocore.config import Config

    config = Config(**limits(read_seconds=read_seconds, attempts=attempts))
    return session().client(service, region_name=region(), config=config)


def session() -> Any:
    """Return a new boto3 session."""
    import boto3
    import botocore.session

    core = botocore.session.get_session()
    core.register_component("data_loader", _data_loader())
    return boto3.session.Session(botocore_session=core)


def async_session() -> Any:
    """Return a new aioboto3 session."""
    import aioboto3
    import aiobotocore.session

    core = aiobotocore.session.get_session()
    core.register_component("data_loader", _data_loader())
    return aioboto3.Session(botocore_session=core)


@functools.cache
def _data_loader() -> Any:
    """Return botocore's cache of its JSON files, shared by all sessions.

    A session with its own cache parses them again, 50 ms of computing for a client.
    """
    import botocore.session

    return botocore.session.get_session().get_component("data_loader")
