"""The deployment's own credentials: while GitHub refuses them, the worker receives no messages.

Every run would fail, whatever its job, until an operator mends them.
"""

import logging
from collections.abc import Callable

from pipeline.backoff import Backoff
from pipeline.errors import Family, describe, judge
from pipeline.threads import CONTROL

log = logging.getLogger(__name__)

#: Longest time, in seconds, between two checks of credentials that are refused.
LONGEST_PAUSE = 300.0


class CredentialsGate:
    """Whether runs can begin, as far as the credentials are concerned.

    ``check`` blocks, and raises an error if the credentials are refused or can't be checked;
    ``clock`` is monotonic, in seconds.
    """

    def __init__(self, check: Callable[[], None], clock: Callable[[], float]):
        self._check = check
        self._clock = clock
        self._retry = Backoff(base=5.0, cap=LONGEST_PAUSE, clock=clock)
        self._must_check = True
        self.refusal: str | None = None
        """Why no messages are received; None if they are."""

    @property
    def seconds_left(self) -> float:
        """Seconds until refused credentials are checked again."""
        return max(self._retry.due_at - self._clock(), 0.0)

    def suspect(self) -> None:
        """Check the credentials before the next receive: a run was refused."""
        self._must_check = True

    async def is_open(self) -> bool:
        """Return whether messages may be received, checking the credentials if that is due."""
        if self._must_check and self._retry.due:
            await self._check_now()
        return self.refusal is None

    async def _check_now(self) -> None:
        try:
            await CONTROL.run(self._check)
        except Exception as error:
            verdict = judge(error)
            if verdict.family is Family.CREDENTIALS:
                self.refusal = verdict.reason
            if self.refusal is None:
                # They could not be checked: a run would find out, and wait.
                self._must_check = False
                return
            self._retry.fail()
            log.error("no messages are received: %s: %s", self.refusal, describe(error))
            return
        if self.refusal is not None:
            log.info("the credentials are accepted again: messages are received")
        self.refusal = None
        self._must_check = False
        self._retry.reset()
