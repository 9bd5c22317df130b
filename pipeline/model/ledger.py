"""Money for model calls: the worst case is reserved before a call and settled after its reply is
stored. No reply is paid for twice.
"""

import asyncio
from collections.abc import Awaitable, Callable

from pipeline.clock import budget_day
from pipeline.errors import Halt, Retry
from pipeline.leased_run import LeasedRun
from pipeline.model import ModelReply
from pipeline.model.failures import ModelError
from pipeline.money import to_micro_usd, to_usd
from pipeline.outcome import Outcome
from pipeline.store.contract import UNSETTLED, BudgetExceeded, Call, MoneyCaps
from repository.counts import count

#: Seconds until a run retries after a day's budget is used up; a day ends at midnight UTC.
EXHAUSTED_DAY_DELAY = 3600.0


class Ledger:
    """One delivery's access to its run's money: buys replies within the caps."""

    def __init__(self, run: LeasedRun, caps: MoneyCaps):
        self._run = run
        self._caps = caps

    async def buy(
        self, key: str, *, model: str, worst_usd: float, call: Callable[[], Awaitable[ModelReply]]
    ) -> ModelReply:
        """Return the reply that is stored under ``key`` in this run, or buy a new one.

        A stored reply is never bought again, even if the worker died before settling it. A call
        that was cut before its reply was stored keeps its reservation, and is made again.

        Args:
            key: identifies the call within the run.
            model: the model that is asked.
            worst_usd: the most that the call can cost, in US dollars.
            call: makes one attempt.

        Raises:
            ModelError: ``call`` raised it. If it may have been charged, it keeps its reservation.
            Halt: the run's budget is used up (budget_exhausted).
            Retry: today's budget of the repository or of the deployment is used up.
        """
        stored = await self.find_reply(key)
        if stored is not None:
            return stored
        reserved = await self._reserve(key, model, worst_usd)
        try:
            reply = await call()
        except ModelError as error:
            if error.charged:
                await self._run.cut_call(reserved)
            else:
                await self._run.release_call(reserved)
            raise
        await self._store_despite_cancellation(reserved, reply)
        return reply

    async def cost_usd(self) -> float:
        """Return what the run has cost so far, in US dollars, reservations included."""
        return to_usd(await self._used())

    async def left_usd(self) -> float:
        """Return what the run may still spend, in US dollars."""
        left = self._caps.run - await self._used()
        return to_usd(max(left, 0))

    async def is_unanswered(self, key: str, model: str) -> bool:
        """Return whether the model's newest attempt at the call may have been charged, but was not
        answered. One that ended with its worker says nothing of the model.
        """
        calls = await self._run.calls()
        attempts = [call for call in calls if (call.key, call.model) == (key, model)]
        if not attempts:
            return False
        return max(attempts, key=lambda call: call.attempt).state == "cut"

    async def unused_key(self, prefix: str) -> str:
        """Return a key for a call that no earlier one has answered."""
        calls = [call for call in await self._run.calls() if call.key.startswith(prefix)]
        return f"{prefix}-{len(calls) + 1}"

    async def _used(self) -> int:
        return sum(call.micro_usd for call in await self._run.calls())

    async def find_reply(self, key: str) -> ModelReply | None:
        """Return the stored reply of any attempt at the call, the newest first.

        The reply of an attempt that was cut may have been stored late, by the delivery that lost
        the lease.
        """
        calls = [call for call in await self._run.calls() if call.key == key]
        calls.sort(key=lambda call: call.attempt, reverse=True)
        for call in calls:
            if call.state == "released":
                continue  # it has none, and an outage leaves hundreds
            reply = await self._read_reply(call)
            if reply is not None:
                return reply
        return None

    async def _read_reply(self, call: Call) -> ModelReply | None:
        try:
            body = await self._run.get_artifact(call.reply_key)
        except FileNotFoundError:
            return None
        reply = ModelReply.model_validate_json(body)
        if call.state != "settled":
            await self._settle(call, reply)
        return reply

    async def _reserve(self, key: str, model: str, worst_usd: float) -> Call:
        today = budget_day(self._run.now())
        try:
            return await self._run.reserve(
                key, micro_usd=to_micro_usd(worst_usd), model=model, day=today, caps=self._caps
            )
        except BudgetExceeded as error:
            if error.scope == "run":
                reason = f"{error}{await self._unanswered_calls()}"
                raise Halt(Outcome.BUDGET_EXHAUSTED, reason) from error
            raise Retry(str(error), EXHAUSTED_DAY_DELAY, counts=False) from error

    async def _unanswered_calls(self) -> str:
        """Return a clause about the money that is kept for calls without an answer."""
        kept = [call.micro_usd for call in await self._run.calls() if call.state in UNSETTLED]
        if not kept:
            return ""
        usd = to_usd(sum(kept))
        calls = count(len(kept), "call")
        return f"; ${usd:.4f} are kept for {calls} without an answer, which may have been charged"

    async def _store_despite_cancellation(self, call: Call, reply: ModelReply) -> None:
        """Store the reply. It has been paid for, so a cancellation only takes effect afterwards."""
        storing = asyncio.ensure_future(self._store(call, reply))
        try:
            await asyncio.shield(storing)
        except asyncio.CancelledError:
            await storing
            raise

    async def _store(self, call: Call, reply: ModelReply) -> None:
        await self._run.put_artifact(call.reply_key, reply.model_dump_json().encode())
        await self._settle(call, reply)

    async def _settle(self, call: Call, reply: ModelReply) -> None:
        await self._run.settle(call, micro_usd=to_micro_usd(reply.cost_usd))
