"""What a measurement spends: its limit, and the errors after which no call can succeed."""

from pipeline.errors import Halt, Interrupted
from pipeline.model import Message, ModelReply, ModelRequest
from pipeline.model.capabilities import ModelProfile
from pipeline.model.client import ModelClient
from pipeline.model.failures import Failure, ModelError
from pipeline.model.worst_case import WorstCase
from pipeline.money import to_usd
from pipeline.run_key import RunKey
from pipeline.store.store import RunStore

#: Failures that every later call would have, too.
_LASTING = (Failure.KEY, Failure.QUOTA, Failure.UNKNOWN_MODEL)


class MeasurementStopped(Interrupted):
    """The measurement ends early; its runs can be continued later. The message says why."""


class MeteredClient:
    """A model client that keeps all runs of a measurement below one limit.

    Once the limit is reached or the provider refuses every call, a further call raises
    ``MeasurementStopped`` before any money is reserved. Calls in flight are completed.
    """

    def __init__(self, inner: ModelClient, *, limit_usd: float | None, spent_usd: float):
        """``spent_usd`` is what the measurement has cost so far."""
        self._inner = inner
        self._limit_usd = limit_usd
        self._spent_usd = spent_usd
        self._stopped: str | None = None

    def profile(self, model: str) -> ModelProfile:
        return self._inner.profile(model)

    def check(self) -> None:
        """Raises MeasurementStopped if no further call may be made."""
        if self._stopped is not None:
            raise MeasurementStopped(self._stopped)

    def worst_case(self, request: ModelRequest) -> WorstCase:
        """Raises MeasurementStopped if the call might exceed the limit."""
        self.check()
        worst = self._inner.worst_case(request)
        self._stop_at_limit(worst.usd)
        self.check()
        return worst

    def record_usage(self, request: ModelRequest, reply: ModelReply) -> None:
        self._inner.record_usage(request, reply)

    async def complete(self, request: ModelRequest) -> ModelReply:
        worst_usd = self._inner.worst_case(request).usd
        self._stop_at_limit(worst_usd)
        if self._stopped is not None:
            # Another run's call came first. The run's reservation is released and the run waits.
            raise ModelError(Failure.QUOTA, self._stopped, charged=False)
        self._spent_usd += worst_usd
        try:
            reply = await self._inner.complete(request)
        except ModelError as error:
            if not error.charged:
                self._spent_usd -= worst_usd
            if error.failure in _LASTING:
                self._stopped = str(error)
            raise
        self._spent_usd += reply.cost_usd - worst_usd
        return reply

    def _stop_at_limit(self, worst_usd: float) -> None:
        limit_usd = self._limit_usd
        if limit_usd is not None and self._spent_usd + worst_usd > limit_usd:
            self._stopped = (
                f"the limit of ${limit_usd:.2f} is reached: ${self._spent_usd:.2f} is spent or"
                f" reserved, and the next call may cost ${worst_usd:.2f}"
            )

    async def probe(self, model: str) -> None:
        """Ask the model for one word, to check that it answers before anything else is done.

        Raises:
            MeasurementStopped: it never will. A temporary error is ignored.
        """
        question = Message(role="user", content="Reply with OK.")
        try:
            await self.complete(ModelRequest(model=model, messages=(question,)))
        except Halt as halt:
            raise MeasurementStopped(halt.reason) from halt
        except ModelError:
            self.check()


def total_spent_usd(store: RunStore) -> float:
    """Return what all jobs in a store have cost, in US dollars, reservations included."""
    jobs = {run.job_id for run in store.runs(limit=1_000_000)}
    return sum(spent_usd(store, job_id) for job_id in jobs)


def spent_usd(store: RunStore, job_id: str) -> float:
    """Return what all runs of a job have cost, in US dollars, reservations included."""
    newest = store.run(job_id)
    generations = 0 if newest is None else newest.generation + 1
    total = 0
    for generation in range(generations):
        calls = store.calls(RunKey(job_id, generation))
        total += sum(call.micro_usd for call in calls)
    return to_usd(total)
