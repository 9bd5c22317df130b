"""A long outage of the model's provider while many jobs wait, on a simulated clock.

The real engine, store, ledger and buyer run jobs that buy replies as the strategies do: ``single``
one a round, ``agent`` one a step. For the first half of the outage connections are refused, break
or get no answer in time, or the provider answers with 5xx; then the key is revoked, and at last it
is missing. Some workers have a fallback, which fails with the provider's whole region. Deliveries
happen one after another: a wait moves the clock.
"""

import asyncio
import heapq
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from benchmarks.memory_artifacts import MemoryArtifacts
from pipeline.budget import EffectiveLimits
from pipeline.engine.deps import EngineDeps, Progress
from pipeline.engine.engine import Deferred, Engine
from pipeline.job import FIX_ISSUE, FixIssueJob, Job
from pipeline.model import Message, ModelReply, ModelRequest
from pipeline.model.buyer import Buyer
from pipeline.model.capabilities import ModelProfile
from pipeline.model.failures import Failure, ModelError
from pipeline.model.worst_case import WorstCase
from pipeline.money import to_micro_usd, to_usd
from pipeline.outcome import Outcome
from pipeline.policy import Policy
from pipeline.run_key import RunKey
from pipeline.stage import Pipeline, RunContext, Stop
from pipeline.store.contract import Claimed, Submission
from pipeline.store.sqlite import SqliteStore
from pipeline.store.store import RunStore

HOUR = 3600.0
#: The jobs come within this time, and the outage begins in the middle of it.
ARRIVALS = 2 * HOUR
LEASE_SECONDS = 600.0
WORKERS = 4
REPOSITORIES = 10
ROUNDS = 2
STEPS = 6
#: An expensive model: a call's worst case is a twentieth of the run's limit, its cost a fifth of
#: that.
WORST_USD = 0.15
COST_USD = 0.03
QUESTION_USD = 0.001
#: The shortest reply of a real call; a shorter one is the buyer's short question.
_SHORTEST = 100
#: The job that is worked on.
_job_id: ContextVar[str] = ContextVar("job_id")


class SimulatedClock:
    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Failing:
    """One way in which a call fails."""

    failure: Failure
    is_charged: Callable[[random.Random], bool] | None
    """Whether the provider charges for it; None for a call that certainly costs nothing."""


def _sometimes(rng: random.Random) -> bool:
    return rng.random() < 0.5


_DOWN = (
    Failing(Failure.UNREACHABLE, None),
    Failing(Failure.OVERLOAD, None),
    Failing(Failure.OVERLOAD, _sometimes),
    Failing(Failure.TIMEOUT, _sometimes),
    Failing(Failure.UNREADABLE, _sometimes),
)
_REVOKED_KEY = (Failing(Failure.KEY, None),)
_MISSING_KEY = (Failing(Failure.NO_KEY, None),)


@dataclass
class Account:
    """What the provider knows of one run."""

    answers: Counter[str] = field(default_factory=Counter)
    """How often each request was answered."""
    answered_usd: float = 0.0
    maybe_charged_usd: float = 0.0
    """The worst case of the calls that were not answered but may have been charged."""
    charged_usd: float = 0.0
    failed_calls: int = 0


class Provider:
    """A model client that fails during the outage."""

    def __init__(self, clock: SimulatedClock, begin: float, hours: float, rng: random.Random):
        self.accounts: dict[str, Account] = {}
        self._clock = clock
        self._begin = begin
        self._seconds = hours * HOUR
        self._rng = rng

    def profile(self, model: str) -> ModelProfile:
        return ModelProfile()

    def worst_case(self, request: ModelRequest) -> WorstCase:
        return WorstCase(QUESTION_USD if _is_question(request) else WORST_USD)

    def record_usage(self, request: ModelRequest, reply: ModelReply) -> None:
        """Costs don't depend on usage."""

    async def complete(self, request: ModelRequest) -> ModelReply:
        account = self.accounts.setdefault(_job_id.get(), Account())
        failing = self._failing()
        if failing is not None:
            raise self._fail(account, request, failing)
        cost_usd = QUESTION_USD if _is_question(request) else COST_USD
        account.answers[request.messages[-1].content] += 1
        account.answered_usd += cost_usd
        account.charged_usd += cost_usd
        return ModelReply(
            content="done",
            finish_reason="stop",
            model=request.model,
            prompt_tokens=1,
            completion_tokens=1,
            cost_usd=cost_usd,
        )

    def _failing(self) -> Failing | None:
        share = (self._clock() - self._begin) / self._seconds
        if not 0 <= share < 1:
            return None
        if share < 0.5:
            return self._rng.choice(_DOWN)
        return self._rng.choice(_REVOKED_KEY if share < 0.75 else _MISSING_KEY)

    def _fail(self, account: Account, request: ModelRequest, failing: Failing) -> ModelError:
        account.failed_calls += 1
        worst_usd = self.worst_case(request).usd
        if failing.is_charged is None:
            return ModelError(failing.failure, "outage", charged=False)
        account.maybe_charged_usd += worst_usd
        if failing.is_charged(self._rng):
            account.charged_usd += worst_usd
        return ModelError(failing.failure, "outage", charged=True)


def _is_question(request: ModelRequest) -> bool:
    return request.max_tokens is not None and request.max_tokens < _SHORTEST


class Bought(BaseModel):
    """The result of the stage that buys."""

    replies: int


class Buys:
    """Buys the replies of one run."""

    name = "buy"

    def __init__(self, buyer: Buyer):
        self._buyer = buyer

    async def run(self, run: RunContext) -> Bought:
        steps = STEPS if _is_agent(run.job) else 1
        for step in range(ROUNDS * steps):
            message = Message(role="user", content=f"{run.job.id} {step}")
            request = ModelRequest(model=self._buyer.model, messages=(message,), max_tokens=4096)
            await self._buyer.buy(run.ledger, f"1/buy/{step}", request)
        return Bought(replies=ROUNDS * steps)


class Reports:
    """Ends the run."""

    name = "report"

    async def run(self, bought: Bought, run: RunContext) -> Stop:
        return Stop(Outcome.PR_OPENED, "done")


def _is_agent(job: Job) -> bool:
    return job.subject.number % 2 == 0


class Outage:
    """Workers that share a store, a queue and a provider."""

    def __init__(
        self,
        store: RunStore,
        clock: SimulatedClock,
        folder: Path,
        *,
        jobs: int,
        hours: float,
        seed: int,
    ):
        self.store = store
        self.deliveries = 0
        self.tries = 0
        self._clock = clock
        self._rng = random.Random(seed)
        begin = clock() + ARRIVALS / 2
        self.provider = Provider(clock, begin, hours, self._rng)
        self.jobs = [_job(number) for number in range(1, jobs + 1)]
        self._queue = [
            (clock() + self._rng.uniform(0, ARRIVALS), index) for index in range(len(self.jobs))
        ]
        artifacts = MemoryArtifacts()
        self._workers = [
            self._worker(folder / str(number), artifacts, fallback=number % 2 == 0)
            for number in range(WORKERS)
        ]

    def _worker(self, folder: Path, artifacts: MemoryArtifacts, *, fallback: bool) -> Engine:
        buyer = Buyer(
            self.provider,
            model="first",
            fallback="second" if fallback else None,
            sleep=self._clock.sleep,
            clock=self._clock,
        )
        return Engine(
            EngineDeps(
                pipelines={FIX_ISSUE: Pipeline([Buys(buyer), Reports()], admitted_after="buy")},
                store=self.store,
                artifacts=artifacts,
                policy=Policy(EffectiveLimits(3.0, 60.0, 4), 20.0, 200.0, None),
                workspaces=folder,
                observer=_ignore_progress,
                clock=self._clock,
            )
        )

    async def run(self) -> None:
        """Deliver each job until all have ended."""
        heapq.heapify(self._queue)
        while self._queue:
            visible_at, index = heapq.heappop(self._queue)
            self._clock.now = max(self._clock.now, visible_at)
            delay = await self._deliver(self.jobs[index])
            if delay is not None:
                heapq.heappush(self._queue, (self._clock() + delay, index))

    async def _deliver(self, job: FixIssueJob) -> float | None:
        """Return the seconds until the next delivery; None if the run has ended."""
        self.deliveries += 1
        claimed = self.store.claim(Submission.of(job), lease_seconds=LEASE_SECONDS)
        assert isinstance(claimed, Claimed), claimed
        _job_id.set(job.id)
        answer = await self._rng.choice(self._workers).execute(claimed)
        if not isinstance(answer, Deferred):
            return None
        self.store.release(claimed.lease)
        return answer.delay

    def summary(self) -> dict[str, float]:
        """Return the measurement's numbers.

        ``outage_settled_unanswered_usd`` is the money that is counted for calls that certainly cost
        nothing, ``outage_kept_usd`` what is kept for those that may have been charged.
        """
        outcomes = Counter(self._outcome(job) for job in self.jobs)
        done = outcomes[Outcome.PR_OPENED.value]
        accounts = self.provider.accounts.values()
        unanswered = [self._unanswered_usd(job) for job in self.jobs]
        undercounted = [self._undercounted_usd(job) for job in self.jobs]
        return {
            "outage_jobs": len(self.jobs),
            "outage_done": done,
            "outage_runs_ended_by_it": len(self.jobs) - done,
            "outage_bought_twice": sum(_bought_twice(account) for account in accounts),
            "outage_settled_unanswered_usd": max(unanswered),
            "outage_undercounted_usd_max": max(undercounted),
            "outage_kept_usd": sum(account.maybe_charged_usd for account in accounts),
            "outage_failed_calls": sum(account.failed_calls for account in accounts),
            "outage_tries_used": sum(self._tries(job) for job in self.jobs),
            "outage_deliveries": self.deliveries,
        }

    def _outcome(self, job: FixIssueJob) -> str | None:
        run = self.store.run(job.id, 0)
        return run.outcome if run is not None else None

    def _tries(self, job: FixIssueJob) -> int:
        run = self.store.run(job.id, 0)
        return run.tries if run is not None else 0

    def _counted_usd(self, job: FixIssueJob) -> float:
        calls = self.store.calls(RunKey(job.id, 0))
        return to_usd(sum(call.micro_usd for call in calls))

    def _unanswered_usd(self, job: FixIssueJob) -> float:
        account = self.provider.accounts[job.id]
        accounted_usd = account.answered_usd + account.maybe_charged_usd
        return _above(self._counted_usd(job), accounted_usd)

    def _undercounted_usd(self, job: FixIssueJob) -> float:
        return _above(self.provider.accounts[job.id].charged_usd, self._counted_usd(job))


def _above(usd: float, other_usd: float) -> float:
    return to_usd(max(to_micro_usd(usd) - to_micro_usd(other_usd), 0))


def _bought_twice(account: Account) -> int:
    """Return how many requests of a run were answered more than once, short questions aside."""
    answers = account.answers.items()
    return sum(count > 1 for text, count in answers if text[-1].isdigit())


def _job(number: int) -> FixIssueJob:
    repository = f"octo/repo-{number % REPOSITORIES}"
    return FixIssueJob(issue_url=f"https://github.com/{repository}/issues/{number}")


def _ignore_progress(_: Progress) -> None:
    """Only the end counts."""


def measure(*, jobs: int, hours: float, seed: int) -> dict[str, float]:
    """Simulate an outage, and return its numbers."""
    clock = SimulatedClock()
    with tempfile.TemporaryDirectory(prefix="outage-") as folder:
        store = SqliteStore(Path(folder) / "store.sqlite", clock=clock)
        outage = Outage(store, clock, Path(folder), jobs=jobs, hours=hours, seed=seed)
        asyncio.run(outage.run())
        numbers = outage.summary()
        store.close()
    return numbers
