"""Whether the budgets hold under random prices, failures, crashes and concurrency.

    python -m benchmarks.budget [--runs N] [--seed S] [--lanes K]
                                [--store sqlite|dynamodb] [--outage-jobs N] [--outage-hours H]
                                [--json OUT]

Each run buys some replies through the real ledger and the real store. Its provider answers, refuses
or breaks the connection, and its worker dies at any point of a call: before it, during it, before
the reply is stored, or before it is settled. Or the worker is late, and another one takes over the
run in the meantime. After every write the three sums are compared with their limits. ``calls_cut``
counts calls that the provider may have charged and whose reply was never stored. dynamodb is moto.

The numbers that begin with ``outage_`` are those of benchmarks/model_outage.py: a day without the
model while jobs wait, on a simulated clock. 200 jobs take about a minute of CPU.
"""

import argparse
import asyncio
import logging
import random
import tempfile
from collections import Counter
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from benchmarks import model_outage, report
from benchmarks.arguments import make_parser
from benchmarks.memory_artifacts import MemoryArtifacts
from pipeline.errors import Halt, LeaseLost, Retry
from pipeline.job import FixIssueJob
from pipeline.leased_run import LeasedRun
from pipeline.model import ModelReply
from pipeline.model.failures import Failure, ModelError
from pipeline.model.ledger import Ledger
from pipeline.money import to_micro_usd, to_usd
from pipeline.outcome import Event, Outcome, RunResult
from pipeline.run_key import RunKey
from pipeline.store.contract import Call, CallRequest, Claimed, Lease, MoneyCaps, Submission
from pipeline.store.sqlite import SqliteStore
from pipeline.store.store import RunStore

START = 1_000_000_000.0
LEASE_SECONDS = 60.0
DAY_SECONDS = 86_400
REPOSITORIES = 3
MAX_DELIVERIES = 60
CALL_STATES = ("settled", "released", "cut", "reserved")
COLUMNS = (
    "outcome",
    "runs",
    "deliveries",
    "settled",
    "released",
    "cut",
    "counted $",
    "charged $",
)
#: The columns whose sums the table shows.
SUMMED = ("deliveries", "settled", "released", "cut", "counted_usd", "charged_usd")

#: Seconds by which a lane's clock is ahead of START, so that time passes for each run separately.
_ahead: ContextVar[float] = ContextVar("ahead", default=0.0)


class Fate(StrEnum):
    """How a call ends."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """The provider charges nothing, as for the next three."""
    UNREACHABLE = "unreachable"
    REVOKED_KEY = "revoked key"
    MISSING_KEY = "missing key"
    BROKEN = "broken"
    """The provider charges, but sends no reply."""
    DIES_BEFORE = "dies before"
    DIES_DURING = "dies during"
    DIES_UNSTORED = "dies unstored"
    DIES_UNSETTLED = "dies unsettled"
    LATE = "late"
    """The reply comes after another worker has taken over the run."""


#: The relative frequency of each fate.
WEIGHTS = {
    Fate.ANSWERED: 60,
    Fate.REFUSED: 4,
    Fate.UNREACHABLE: 4,
    Fate.REVOKED_KEY: 2,
    Fate.MISSING_KEY: 2,
    Fate.BROKEN: 7,
    Fate.DIES_BEFORE: 5,
    Fate.DIES_DURING: 5,
    Fate.DIES_UNSTORED: 5,
    Fate.DIES_UNSETTLED: 5,
    Fate.LATE: 5,
}


#: The failures of calls that cost nothing.
UNCHARGED = {
    Fate.REFUSED: Failure.RATE_LIMIT,
    Fate.UNREACHABLE: Failure.UNREACHABLE,
    Fate.REVOKED_KEY: Failure.KEY,
    Fate.MISSING_KEY: Failure.NO_KEY,
}


class WorkerDied(Exception):
    """The worker died in the middle of its work."""


def clock() -> float:
    return START + _ahead.get()


def pass_time(seconds: float) -> None:
    """Move the clock of this lane."""
    _ahead.set(_ahead.get() + seconds)


def today() -> str:
    return datetime.fromtimestamp(clock(), UTC).date().isoformat()


class WatchedArtifacts(MemoryArtifacts):
    """``dying`` holds the jobs whose worker dies while storing a reply."""

    def __init__(self) -> None:
        super().__init__()
        self.dying: set[str] = set()

    def put(self, key: str, data: bytes) -> None:
        job_id = key.split("/")[0]
        if job_id in self.dying:
            self.dying.remove(job_id)
            raise WorkerDied
        super().put(key, data)

    def has_reply(self, job_id: str, key: str) -> bool:
        """Return whether a reply to any attempt at this purchase is stored."""
        prefix = f"{job_id}/0/replies/{key}-"
        return any(name.startswith(prefix) for name in list(self._data))


class WatchedStore:
    """The real store, with the three sums compared with their limits after each change.

    ``dying`` holds the jobs whose worker dies while settling the next call.
    """

    def __init__(self, store: RunStore, caps: MoneyCaps):
        self._store = store
        self._caps = caps
        self.overspend = 0
        """The most by which a limit was exceeded, in micro-dollars."""
        self.dying: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def reserve(self, lease: Lease, request: CallRequest, caps: MoneyCaps) -> Call:
        call = self._store.reserve(lease, request, caps)
        self._compare(lease, request.day)
        excess = self._spent_by_run(lease) - caps.run
        self.overspend = max(self.overspend, excess)
        return call

    def settle(self, lease: Lease, call: Call, *, micro_usd: int) -> None:
        if lease.key.job_id in self.dying:
            self.dying.remove(lease.key.job_id)
            raise WorkerDied
        self._store.settle(lease, call, micro_usd=micro_usd)
        self._compare(lease, today())

    def _compare(self, lease: Lease, day: str) -> None:
        row = self._store.run(lease.key.job_id, lease.key.generation)
        assert row is not None
        of_repository = self._store.spent(day=day, repository=row.repository)
        of_day = self._store.spent(day=day)
        excess = max(of_repository - self._caps.repository_day, of_day - self._caps.day)
        self.overspend = max(self.overspend, excess)

    def _spent_by_run(self, lease: Lease) -> int:
        return sum(call.micro_usd for call in self._store.calls(lease.key))


@dataclass
class BuyingRun:
    """A run, the replies that it buys, and what its provider charged."""

    job: FixIssueJob
    caps: MoneyCaps
    rng: random.Random
    keys: list[str]
    charged: int = 0
    """Micro-dollars that the provider charged."""
    uncharged: int = 0
    """Calls that certainly cost nothing."""
    bought_again: int = 0
    """Calls whose reply was already stored."""
    deliveries: int = 0


@dataclass
class ProviderCall:
    """One call to a run's provider."""

    run: BuyingRun
    key: str
    fate: Fate
    worst_usd: float
    cost_usd: float
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a late call may return."""

    @classmethod
    def random(cls, run: BuyingRun, key: str, fate: Fate) -> "ProviderCall":
        rng = run.rng
        worst_usd = rng.choice([0.001, 0.02, 0.1, 0.3]) * rng.random() + 1e-6
        cost_usd = worst_usd * rng.choice([0.0, 1.0, rng.random()])
        return cls(run, key, fate, worst_usd, cost_usd)


class World:
    def __init__(self, store: RunStore, seed: int, runs: int):
        self.rng = random.Random(seed)
        self.artifacts = WatchedArtifacts()
        # The budgets of the days are smaller than what the runs want to spend.
        day_cap = to_micro_usd(max(0.6, runs * 0.02))
        self.caps = MoneyCaps(0, day_cap // 2, day_cap)
        self.store = WatchedStore(store, self.caps)
        self.waits = 0
        """Deliveries that ended because a day's budget was used up."""
        self.runs = [self._random_run(number) for number in range(runs)]

    def _random_run(self, number: int) -> BuyingRun:
        rng = random.Random(self.rng.random())
        issue_url = f"https://github.com/octo/repo-{number % REPOSITORIES}/issues/{number + 1}"
        run_cap = min(to_micro_usd(rng.choice([0.2, 0.5, 1.0])), self.caps.repository_day)
        caps = MoneyCaps(run_cap, self.caps.repository_day, self.caps.day)
        keys = [f"{n}-propose" for n in range(rng.randint(1, 6))]
        return BuyingRun(FixIssueJob(issue_url=issue_url), caps, rng, keys)

    async def lane(self, queue: list[BuyingRun]) -> None:
        """Work on the queue's runs, one after another."""
        while queue:
            run = queue.pop(0)
            _ahead.set(run.rng.uniform(0, 3 * DAY_SECONDS))
            while run.deliveries < MAX_DELIVERIES:
                if await self._deliver(run):
                    break
                pass_time(LEASE_SECONDS + 1)

    def _ledger(self, run: BuyingRun, claimed: Claimed) -> Ledger:
        leased = LeasedRun(self.store, self.artifacts, claimed.lease, clock)  # type: ignore[arg-type]
        return Ledger(leased, run.caps)

    async def _deliver(self, run: BuyingRun) -> bool:
        """Work on the run until it ends or its worker dies. Return whether it has ended."""
        run.deliveries += 1
        claimed = await asyncio.to_thread(self._claim, run)
        ledger = self._ledger(run, claimed)
        outcome = Outcome.PR_OPENED
        try:
            for key in run.keys:
                await self._buy(run, ledger, key)
        except (WorkerDied, LeaseLost, ModelError):
            return False
        except Retry:
            self.waits += 1
            pass_time(DAY_SECONDS)
            return False
        except Halt as halt:
            outcome = halt.outcome
        await asyncio.to_thread(self._finish, claimed, outcome)
        return True

    async def _buy(self, run: BuyingRun, ledger: Ledger, key: str) -> None:
        (fate,) = run.rng.choices(list(WEIGHTS), list(WEIGHTS.values()))
        call = ProviderCall.random(run, key, fate)
        purchase = asyncio.create_task(self._purchase(ledger, call))
        if fate is Fate.LATE:
            await self._take_over(call, purchase)
        await purchase

    async def _purchase(self, ledger: Ledger, call: ProviderCall) -> None:
        await ledger.buy(
            call.key, model="m", worst_usd=call.worst_usd, call=lambda: self._answer(call)
        )

    async def _take_over(self, call: ProviderCall, purchase: "asyncio.Task[None]") -> None:
        """Let another worker buy the same reply and die while the provider is still working.

        Raises:
            WorkerDied: the late worker's purchase failed, as it should.
        """
        begun = asyncio.create_task(call.begun.wait())
        await asyncio.wait({purchase, begun}, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if purchase.done():
            return
        pass_time(LEASE_SECONDS + 1)
        claimed = await asyncio.to_thread(self._claim, call.run)
        other_call = ProviderCall.random(call.run, call.key, Fate.ANSWERED)
        with suppress(Halt, Retry):
            await self._purchase(self._ledger(call.run, claimed), other_call)
        call.may_answer.set()
        await asyncio.wait({purchase})
        if purchase.exception() is None:
            raise AssertionError("a worker settled without the lease")
        raise WorkerDied

    async def _answer(self, call: ProviderCall) -> ModelReply:
        """Act as the provider, and record what it charges."""
        run = call.run
        job_id = run.job.id
        call.begun.set()
        if call.fate is Fate.DIES_BEFORE:
            raise WorkerDied
        if call.fate in UNCHARGED:
            run.uncharged += 1
            raise ModelError(UNCHARGED[call.fate], "", charged=False)
        if self.artifacts.has_reply(job_id, call.key):
            run.bought_again += 1
        run.charged += to_micro_usd(call.cost_usd)
        match call.fate:
            case Fate.BROKEN:
                raise ModelError(Failure.OVERLOAD, "", charged=True)
            case Fate.DIES_DURING:
                raise WorkerDied
            case Fate.DIES_UNSTORED:
                self.artifacts.dying.add(job_id)
            case Fate.DIES_UNSETTLED:
                self.store.dying.add(job_id)
            case Fate.LATE:
                await call.may_answer.wait()
        return ModelReply(
            content=call.key,
            finish_reason="stop",
            model="m",
            prompt_tokens=1,
            completion_tokens=1,
            cost_usd=call.cost_usd,
        )

    def _claim(self, run: BuyingRun) -> Claimed:
        claimed = self.store.claim(Submission.of(run.job), lease_seconds=LEASE_SECONDS)
        assert isinstance(claimed, Claimed), claimed
        return claimed

    def _finish(self, claimed: Claimed, outcome: Outcome) -> None:
        row = claimed.run
        result = RunResult(
            job_id=row.job_id,
            generation=row.generation,
            issue_url=row.issue_url,
            repository=row.repository,
            outcome=outcome,
            reason="",
            trace="t",
        )
        event = Event.about(result, "2001-09-09T01:46:40.000Z")
        self.store.finish(claimed.lease, result, event, None)

    def rows(self) -> list[dict[str, Any]]:
        return [self._row(run) for run in self.runs]

    def _row(self, run: BuyingRun) -> dict[str, Any]:
        key = RunKey(run.job.id, 0)
        stored = self.store.run(key.job_id, key.generation)
        calls = self.store.calls(key)
        states = Counter(call.state for call in calls)
        counted = sum(call.micro_usd for call in calls)
        row = {
            "run": run.job.issue.number,
            "repository": run.job.issue.repository,
            "outcome": stored.outcome if stored else None,
            "deliveries": run.deliveries,
        }
        for state in CALL_STATES:
            row[state] = states[state]
        row["counted_usd"] = to_usd(counted)
        row["charged_usd"] = to_usd(run.charged)
        row["undercounted_usd"] = to_usd(max(run.charged - counted, 0))
        row["uncharged_not_released"] = run.uncharged - states["released"]
        row["paid_twice"] = run.bought_again
        return row


def summary(world: World, rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return the benchmark's numbers.

    ``overspend_usd_max`` is the most by which reserved plus settled money ever exceeded a limit;
    ``undercounted_usd_max`` is the most that a provider charged a run beyond the ledger's sum.
    """
    outcomes = Counter(row["outcome"] for row in rows)
    calls = sum(row[state] for row in rows for state in CALL_STATES)
    return {
        "runs": len(rows),
        "calls": calls,
        "overspend_usd_max": to_usd(world.store.overspend),
        "paid_twice": sum(row["paid_twice"] for row in rows),
        "uncharged_not_released": sum(row["uncharged_not_released"] for row in rows),
        "calls_cut": sum(row["cut"] + row["reserved"] for row in rows),
        "undercounted_usd_max": max(row["undercounted_usd"] for row in rows),
        "budget_exhausted": outcomes["budget_exhausted"],
        "unfinished": outcomes[None],
        "waits_for_a_day": world.waits,
    }


def measure(
    store: RunStore, *, runs: int, seed: int, lanes: int
) -> tuple[World, list[dict[str, Any]]]:
    world = World(store, seed, runs)

    async def work_in_lanes() -> None:
        queue = list(world.runs)
        async with asyncio.TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(world.lane(queue))

    asyncio.run(work_in_lanes())
    return world, world.rows()


def lines_by_outcome(rows: list[dict[str, Any]]) -> list[list[object]]:
    """Return the table's lines: the sums of the rows of each outcome."""
    by_outcome: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_outcome.setdefault(row["outcome"] or "unfinished", []).append(row)
    lines: list[list[object]] = []
    for outcome, members in sorted(by_outcome.items()):
        sums = [sum(row[name] for row in members) for name in SUMMED]
        lines.append([outcome, len(members), *sums])
    return lines


def open_store(kind: str, folder: Path) -> RunStore:
    if kind == "sqlite":
        return SqliteStore(folder / "store.sqlite", clock=clock)
    from pipeline.store.dynamodb import DynamoStore, table_definition
    from tests.stand_ins.moto import moto_client

    client = moto_client("dynamodb")
    client.create_table(**table_definition("budget"))
    return DynamoStore("budget", clock=clock, client=client)


def arguments() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=8, help="concurrent runs")
    parser.add_argument("--store", choices=("sqlite", "dynamodb"), default="sqlite")
    parser.add_argument("--outage-jobs", type=int, default=200, help="jobs that wait; 0: no outage")
    parser.add_argument("--outage-hours", type=float, default=24.0)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    logging.basicConfig(level=logging.ERROR)  # the engine would report each wait
    runs = max(options.runs, 1)
    lanes = max(options.lanes, 1)
    with tempfile.TemporaryDirectory(prefix="budget-") as folder:
        store = open_store(options.store, Path(folder))
        world, rows = measure(store, runs=runs, seed=options.seed, lanes=lanes)
        numbers = summary(world, rows)
        if options.outage_jobs > 0:
            numbers |= model_outage.measure(
                jobs=options.outage_jobs, hours=options.outage_hours, seed=options.seed
            )
        document = report.report("budget", numbers, rows)
        store.close()
    report.write(document, options.json)
    report.show("budget", COLUMNS, lines_by_outcome(rows), document["summary"])


if __name__ == "__main__":
    main()
