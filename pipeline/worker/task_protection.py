"""ECS task scale-in protection, so that neither a scale-in nor a deployment stops a busy task.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
"""

import asyncio
import contextlib
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import anyio

from pipeline.backoff import Backoff
from pipeline.errors import describe
from pipeline.threads import CONTROL

log = logging.getLogger(__name__)

#: Set by ECS in each container of a task.
AGENT_VARIABLE = "ECS_AGENT_URI"
#: Minutes for which protection is requested.
MINUTES = 60
#: Seconds after which protection is renewed: half of its duration.
RENEW_SECONDS = MINUTES * 30
#: Seconds without a run after which protection ends, so that it does not flap under load.
LINGER = 30.0
#: Time-out for the agent's answer, in seconds.
AGENT_SECONDS = 10


class Due(NamedTuple):
    """The next thing to do about the protection."""

    protect: bool | None
    """The state to request from ECS now; None for no request."""
    seconds: float | None
    """After how many seconds to decide again; None for the next change."""


class TaskProtection:
    """Keeps the ECS task protected while there is a run. Works in the background while entered.

    ``put`` turns protection on or off, and may block; ``clock`` is monotonic, in seconds. A failure
    never affects a run.
    """

    def __init__(self, put: Callable[[bool], None], *, clock: Callable[[], float] = time.monotonic):
        self._put = put
        self._clock = clock
        self._runs = 0
        self._idle_since = clock()
        self._renew_at: float | None = None
        """When to renew the protection; None if it is off."""
        self._retry = Backoff(base=5.0, cap=60.0, clock=clock)
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        # A task that is stopping needs no protection.
        self._task.cancel()
        await asyncio.wait({self._task})

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Count a run while entered."""
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

    def due(self) -> Due:
        now = self._clock()
        if self._runs:
            protect = True
            at = self._renew_at or now
        elif self._renew_at is None:
            return Due(None, None)
        else:
            protect = False
            at = self._idle_since + LINGER
        at = max(at, self._retry.due_at)
        if now < at:
            return Due(None, at - now)
        return Due(protect, None)

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            due = self.due()
            if due.protect is not None:
                await self._request(due.protect)
                continue
            with anyio.move_on_after(due.seconds):
                await self._changed.wait()

    async def _request(self, protect: bool) -> None:
        state = "on" if protect else "off"
        try:
            await CONTROL.run(self._put, protect)
        except Exception as error:
            self._retry.fail()
            log.warning(
                "task protection can't be set to %s (%d times): %s",
                state,
                self._retry.failures,
                describe(error),
            )
        else:
            self._retry.reset()
            self._renew_at = self._clock() + RENEW_SECONDS if protect else None
            log.info("task protection is %s", state)


def connect_agent(environment: Mapping[str, str]) -> Callable[[bool], None] | None:
    """Return a function that sets the protection through the task's ECS agent; None outside ECS.

    The function raises OSError if the agent refuses or does not answer.
    """
    base = environment.get(AGENT_VARIABLE)
    if not base:
        return None
    url = f"{base.rstrip('/')}/task-protection/v1/state"
    # The agent is link-local: no proxy must be used.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def put(protect: bool) -> None:
        body: dict[str, Any] = {"ProtectionEnabled": protect}
        if protect:
            body["ExpiresInMinutes"] = MINUTES
        request = urllib.request.Request(  # noqa: S310 (ECS gives the address)
            url,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method="PUT",
        )
        with opener.open(request, timeout=AGENT_SECONDS) as response:
            answer = json.load(response)
        refusal = answer.get("failure") or answer.get("error")
        if refusal:
            raise OSError(f"the ECS agent refuses: {json.dumps(refusal)[:300]}")

    return put
