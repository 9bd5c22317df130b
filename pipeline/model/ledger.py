"""Money: reserved at its worst case before a call, settled after the reply is stored, and never
paid twice.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from pipeline.artifacts import Artifacts
from pipeline.errors import Halt, Retry
from pipeline.model import ModelReply
from pipeline.model.failures import ModelError
from pipeline.outcome import Outcome
from pipeline.store.contract import BudgetExceeded, Call, Lease, MoneyCaps, RunStore

#: Seconds until a run that met an exhausted day looks again; a day ends at midnight UTC.
EXHAUSTED_DAY_DELAY = 3600.0


def micro(usd: float) -> int:
    """Dollars as micro-dollars, rounded up: a limit must never be passed by rounding."""
    return math.ceil(round(usd * 1e6, 4))


class Ledger:
    """One delivery's access to its run's money."""

    def __init__(
        self,
        store: RunStore,
        artifacts: Artifacts,
        lease: Lease,
        caps: MoneyCaps,
        clock: Callable[[], float],
    ):
        self._store = store
        self._artifacts = artifacts
        self._lease = lease
        self._caps = caps
        self._clock = clock

    async def buy(
        self, key: str, *, model: str, worst_usd: float, call: Callable[[], Awaitable[ModelReply]]
    ) -> ModelReply:
        """The reply stored under ``key`` in this run, or a new one, paid for.

        A reply that was stored is never bought again, even where the worker died before settling it. A call that was
        cut before its reply was stored keeps its reservation and is made anew.

        Raises:
            ModelError: as ``call`` raised it; a charged one keeps its reservation.
            Halt: the run's money is used up (budget_exhausted).
            Retry: the repository's or the deployment's day is.
        """
        lease = self._lease
        calls = await asyncio.to_thread(self._store.calls, lease.key)
        # Every attempt is looked at: one that was cut may have been stored late, by the delivery
        # that lost the lease.
        for call_made in sorted(calls, key=lambda made: made.attempt, reverse=True):
            if call_made.key == key and (reply := await self._stored(call_made)) is not None:
                return reply
        name = key.replace("/", "-")
        try:
            bought = await asyncio.to_thread(
                self._store.reserve,
                lease,
                key,
                micro_usd=micro(worst_usd),
                model=model,
                reply_key=f"{lease.key.prefix}/replies/{name}-{{attempt}}.json",
                day=datetime.fromtimestamp(self._clock(), UTC).date().isoformat(),
                caps=self._caps,
            )
        except BudgetExceeded as error:
            if error.scope == "run":
                raise Halt(Outcome.BUDGET_EXHAUSTED, str(error)) from error
            raise Retry(str(error), EXHAUSTED_DAY_DELAY, counts=False) from error
        try:
            reply = await call()
        except ModelError as error:
            if not error.charged:
                await asyncio.to_thread(self._store.release_call, self._lease, bought)
            raise
        keeping = asyncio.ensure_future(self._keep(bought, reply))
        try:
            await asyncio.shield(keeping)
        except asyncio.CancelledError:
            await keeping  # it is paid for: stored first, then the work stops
            raise
        return reply

    async def _keep(self, call: Call, reply: ModelReply) -> None:
        await asyncio.to_thread(
            self._artifacts.put, call.reply_key, reply.model_dump_json().encode()
        )
        await asyncio.to_thread(
            self._store.settle, self._lease, call, micro_usd=micro(reply.cost_usd)
        )

    async def cost_usd(self) -> float:
        """What the run has cost so far, reservations counted."""
        calls = await asyncio.to_thread(self._store.calls, self._lease.key)
        return sum(call.micro_usd for call in calls) / 1e6

    async def _stored(self, call: Call) -> ModelReply | None:
        try:
            reply = ModelReply.model_validate_json(
                await asyncio.to_thread(self._artifacts.get, call.reply_key)
            )
        except FileNotFoundError:
            return None
        if call.state != "settled":
            await asyncio.to_thread(
                self._store.settle, self._lease, call, micro_usd=micro(reply.cost_usd)
            )
        return reply
