"""Waiting for a service that may be slow or down: the queue, the store, GitHub."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from pipeline.api.problem import Refusal
from pipeline.errors import Family, describe, judge
from pipeline.threads import ThreadPool

log = logging.getLogger(__name__)

#: Seconds that a service may take: a load balancer gives up after 60.
ANSWER_SECONDS = 15.0
RETRY_AFTER = 5
#: Maximum number of concurrent calls.
THREADS = 4

_UNAVAILABLE = (Family.RETRY, Family.WAIT, Family.CREDENTIALS)

T = TypeVar("T")


class ServiceThreads:
    """Threads for calls that block, separate from those of the worker."""

    def __init__(self) -> None:
        self._pool = ThreadPool("api", THREADS)

    async def call(
        self, service: str, call: Callable[[], T], advice: str = "send the request again"
    ) -> T:
        """Call a service. Raises Refusal (503) if it is down or slow; a defect passes."""
        return await wait_for(service, self._pool.run(call), advice)


async def wait_for(service: str, response: Awaitable[T], advice: str) -> T:
    """Await a response. Raises Refusal (503) if the service is down or slow; a defect passes."""
    try:
        with anyio.fail_after(ANSWER_SECONDS):
            return await response
    except Exception as error:
        if judge(error).family not in _UNAVAILABLE:
            raise
        log.warning("the %s does not answer: %s", service, describe(error))
        message = f"the {service} does not answer; {advice}"
        code = f"{service.lower()}_unavailable"
        raise Refusal(503, code, message, retry_after=RETRY_AFTER) from error
