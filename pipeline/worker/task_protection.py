"""ECS task scale-in protection: a task that runs a job is not the one that a scale-in or a
deployment ends.
"""

import asyncio
import contextlib
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Self

from pipeline.errors import backoff, describe

log = logging.getLogger(__name__)

#: Set by ECS in each container of a task
#: (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html).
AGENT_VARIABLE = "ECS_AGENT_URI"
#: Minutes for which protection is asked; it is renewed when half of them are over.
MINUTES = 60
#: Seconds without a run after which protection is given up: a busy queue must not make it flap.
LINGER = 30.0


class TaskProtection:
    """Entered as an async context it keeps ECS told, on a task of its own, of whether there is a run.

    ``put`` asks for protection or gives it up, and may block; ``clock`` is in seconds. No failure reaches a run.
    """

    def __init__(
        self,
        put: Callable[[bool], None],
        *,
        linger: float = LINGER,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._put = put
        self._linger = linger
        self._clock = clock
        self._runs = self._failures = 0
        self._idle_since = clock()
        self._renew_at: float | None = None
        """When protection is to be renewed; None: there is none."""
        self._retry_at = self._idle_since
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        # a task that is stopping needs no protection, nor does one that is gone
        self._task.cancel()
        await asyncio.wait({self._task})

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """There is a run while this is entered."""
        self._runs += 1
        if self._runs == 1:
            self._changed.set()
        try:
            yield
        finally:
            self._runs -= 1
            if self._runs == 0:
                self._idle_since = self._clock()
                self._changed.set()

    def due(self) -> tuple[bool | None, float | None]:
        """What to tell ECS now (None: nothing), and in how many seconds to look again (None: at the
        next change).
        """
        now = self._clock()
        if self._runs:
            wanted = True
            at = self._renew_at or now
        elif self._renew_at is None:
            return None, None
        else:
            wanted = False
            at = self._idle_since + self._linger
        at = max(at, self._retry_at)
        return (wanted, None) if now >= at else (None, at - now)

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            wanted, wait = self.due()
            if wanted is not None:
                await self._tell(wanted)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(
                    wait
                ):  # wait_for of Python 3.11 can swallow a cancellation
                    await self._changed.wait()

    async def _tell(self, wanted: bool) -> None:
        try:
            await asyncio.to_thread(self._put, wanted)
        except Exception as error:
            self._failures += 1
            self._retry_at = self._clock() + backoff(self._failures, base=5.0, cap=60.0)
            log.warning(
                "task protection is not set to %s (%d times): %s",
                wanted,
                self._failures,
                describe(error),
            )
        else:
            self._failures = 0
            self._renew_at = self._clock() + MINUTES * 30 if wanted else None
            log.info("task protection is %s", "on" if wanted else "off")


def agent(environment: Mapping[str, str]) -> Callable[[bool], None] | None:
    """How to tell the task's ECS agent; None outside ECS."""
    base = environment.get(AGENT_VARIABLE)
    if not base:
        return None
    url = f"{base.rstrip('/')}/task-protection/v1/state"
    # The agent is on the task's own link: no proxy stands between.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def put(protected: bool) -> None:
        body = {"ProtectionEnabled": protected} | (
            {"ExpiresInMinutes": MINUTES} if protected else {}
        )
        request = urllib.request.Request(  # noqa: S310 (ECS gives the address)
            url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="PUT"
        )
        with opener.open(request, timeout=10) as answer:
            told = json.load(answer)
        for refused in ("failure", "error"):
            if told.get(refused):
                raise OSError(f"the ECS agent refuses: {json.dumps(told[refused])[:300]}")

    return put
