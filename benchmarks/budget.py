"""Whether the money holds: random prices, failures, crashes and concurrency against the three
budgets.

    python -m benchmarks.budget [--runs N] [--seed S] [--lanes K] [--store sqlite|dynamodb] [--json OUT]

Each run buys some replies through the real ledger and the real store, while its provider refuses,
breaks off or answers, and its worker dies at any point of a call: before it, during it, before the
reply is stored, before it is settled; or lives on as a late worker while another one takes the run
over. After every write the three sums are compared with their limits. ``calls_cut`` are calls that
the provider may have charged and whose reply was never stored. dynamodb is moto's."""

import argparse
import asyncio
import random
import tempfile
from collections import Counter
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import report
from pipeline.errors import Halt, LeaseLost, Retry
from pipeline.job import FixIssueJob
from pipeline.leased_run import LeasedRun
from pipeline.model import ModelReply
from pipeline.model.failures import Failure, ModelError
from pipeline.model.ledger import Ledger, micro
from pipeline.outcome import Event, Outcome, RunResult
from pipeline.run_key import RunKey
from pipeline.store.contract import Call, CallRequest, Claimed, Lease, MoneyCaps, Submission
from pipeline.store.sqlite import SqliteStore
from pipeline.store.store import RunStore

START = 1_000_000_000.0
LEASE = 60.0
REPOSITORIES = 3
MAX_DELIVERIES = 60
#: What becomes of a call, and how often.
FATES = {
    "answered": 60,
    "refused": 8,
    "broken": 7,
    "dies before": 5,
    "dies during": 5,
    "dies unstored": 5,
    "dies unsettled": 5,
    "late": 5,
}
#: Seconds that a lane's clock is ahead of START: leases and days pass for one run, and not for its
#: neighbours.
_ahead: ContextVar[float] = ContextVar("ahead", default=0.0)


class Died(Exception):
    """The worker is gone, in the middle of what it did."""


def clock() -> float:
    return START + _ahead.get()


def day() -> str:
    return datetime.fromtimestamp(clock(), UTC).date().isoformat()


class Kept:
    """Artifacts in memory; ``dies`` names the run whose worker dies as it stores the next reply."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}
        self.dies: set[str] = set()

    def put(self, key: str, data: bytes) -> None:
        if (run := key.split("/")[0]) in self.dies:
            self.dies.remove(run)
            raise Died
        self._data[key] = data

    def get(self, key: str) -> bytes:
        try:
            return self._data[key]
        except KeyError:
            raise FileNotFoundError(key) from None

    def address(self, key: str) -> str:
        return key

    def holds(self, run: str, key: str) -> bool:
        """A reply is stored for this purchase, whichever attempt brought it."""
        return any(name.startswith(f"{run}/0/replies/{key}-") for name in list(self._data))


@dataclass
class Buying:
    """One run: what it wants to buy, and what its provider took for it."""

    job: FixIssueJob
    caps: MoneyCaps
    rng: random.Random
    keys: list[str]
    charged: int = 0
    """Micro-dollars, by the provider's own books."""
    fates: Counter[str] = field(default_factory=Counter)
    bought_again: int = 0
    deliveries: int = 0


class Watch:
    """The real store's ledger calls, each followed by a look at all three sums."""

    def __init__(self, store: RunStore, caps: MoneyCaps):
        self._store = store
        self._caps = caps
        self.overspend = 0
        self.dies: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def reserve(self, lease: Lease, request: CallRequest, caps: MoneyCaps) -> Call:
        call = self._store.reserve(lease, request, caps)
        self._look(lease, request.day, caps.run)
        return call

    def settle(self, lease: Lease, call: Any, *, micro_usd: int) -> None:
        if lease.job_id in self.dies:
            self.dies.remove(lease.job_id)
            raise Died
        self._store.settle(lease, call, micro_usd=micro_usd)
        self._look(lease, day(), 10**12)

    def _look(self, lease: Lease, on: str, run_cap: int) -> None:
        row = self._store.run(lease.job_id, lease.generation)
        assert row is not None
        used = sum(call.micro_usd for call in self._store.calls(lease.key))
        over = (
            used - run_cap,
            self._store.spent(day=on, repository=row.repository) - self._caps.repository_day,
            self._store.spent(day=on) - self._caps.day,
        )
        self.overspend = max(self.overspend, *over)


class World:
    def __init__(self, store: RunStore, seed: int, runs: int):
        self.rng = random.Random(seed)
        self.artifacts = Kept()
        # Days that hold less than is wanted on them.
        day_cap = micro(max(0.6, runs * 0.02))
        self.caps = MoneyCaps(0, day_cap // 2, day_cap)
        self.watch = Watch(store, self.caps)
        self.waits = 0
        self.runs = [self._run(number) for number in range(runs)]

    def _run(self, number: int) -> Buying:
        rng = random.Random(self.rng.random())
        address = f"https://github.com/octo/repo-{number % REPOSITORIES}/issues/{number + 1}"
        cap = micro(rng.choice([0.2, 0.5, 1.0]))
        caps = MoneyCaps(
            min(cap, self.caps.repository_day), self.caps.repository_day, self.caps.day
        )
        return Buying(
            FixIssueJob(issue_url=address),
            caps,
            rng,
            [f"{n}-propose" for n in range(rng.randint(1, 6))],
        )

    async def lane(self, queue: list[Buying]) -> None:
        while queue:
            buying = queue.pop(0)
            _ahead.set(buying.rng.uniform(0, 3 * 86_400))
            while buying.deliveries < MAX_DELIVERIES and not await self._deliver(buying):
                _ahead.set(_ahead.get() + LEASE + 1)

    def _ledger(self, claimed: Claimed, buying: Buying) -> Ledger:
        run = LeasedRun(self.watch, self.artifacts, claimed.lease, clock)  # type: ignore[arg-type]
        return Ledger(run, buying.caps)

    async def _deliver(self, buying: Buying) -> bool:
        """True: the run has ended."""
        buying.deliveries += 1
        claimed = await asyncio.to_thread(self._claim, buying)
        ledger = self._ledger(claimed, buying)
        outcome = Outcome.PR_OPENED
        try:
            for key in buying.keys:
                await self._buy(buying, ledger, key)
        except (Died, LeaseLost, ModelError):
            return False
        except Retry:
            self.waits += 1
            _ahead.set(_ahead.get() + 86_400)
            return False
        except Halt as halt:
            outcome = halt.outcome
        await asyncio.to_thread(self._finish, claimed, outcome)
        return True

    async def _buy(self, buying: Buying, ledger: Ledger, key: str) -> None:
        fate = buying.rng.choices(list(FATES), list(FATES.values()))[0]
        called = asyncio.Event()
        late = asyncio.Event()
        buy = asyncio.create_task(self._call(buying, ledger, key, fate, called, late))
        if fate == "late":
            waiting = asyncio.create_task(called.wait())
            await asyncio.wait({buy, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if not buy.done():
                await self._taken_over(buying, key)
                late.set()
                await asyncio.wait({buy})
                if buy.exception() is None:
                    raise AssertionError("a worker settled without the lease")
                raise Died
        await buy

    async def _taken_over(self, buying: Buying, key: str) -> None:
        """The lease has ended while the provider is at work: another worker buys the same, and dies
        after it.
        """
        _ahead.set(_ahead.get() + LEASE + 1)
        claimed = await asyncio.to_thread(self._claim, buying)
        ledger = self._ledger(claimed, buying)
        with suppress(Halt, Retry):
            await self._call(buying, ledger, key, "answered", asyncio.Event(), asyncio.Event())

    async def _call(
        self,
        buying: Buying,
        ledger: Ledger,
        key: str,
        fate: str,
        called: asyncio.Event,
        late: asyncio.Event,
    ) -> None:
        run = buying.job.id
        worst = buying.rng.choice([0.001, 0.02, 0.1, 0.3]) * buying.rng.random() + 1e-6
        cost = worst * buying.rng.choice([0.0, 1.0, buying.rng.random()])

        async def call() -> ModelReply:
            buying.fates[fate] += 1
            called.set()
            if fate == "dies before":
                raise Died
            if fate == "refused":
                raise ModelError(Failure.RATE_LIMIT, "", charged=False)
            buying.bought_again += self.artifacts.holds(run, key)
            buying.charged += micro(cost)
            if fate == "broken":
                raise ModelError(Failure.OVERLOAD, "", charged=True)
            if fate == "dies during":
                raise Died
            if fate == "late":
                await late.wait()
            if fate in ("dies unstored", "dies unsettled"):
                (self.artifacts if fate == "dies unstored" else self.watch).dies.add(run)
            return ModelReply(
                content=key,
                finish_reason="stop",
                model="m",
                prompt_tokens=1,
                completion_tokens=1,
                cost_usd=cost,
            )

        await ledger.buy(key, model="m", worst_usd=worst, call=call)

    def _claim(self, buying: Buying) -> Claimed:
        claimed = self.watch.claim(Submission.of(buying.job), lease_seconds=LEASE)
        assert isinstance(claimed, Claimed), claimed
        return claimed

    def _finish(self, claimed: Claimed, outcome: Outcome) -> None:
        run = claimed.run
        result = RunResult(
            job_id=run.job_id,
            generation=run.generation,
            issue_url=run.issue_url,
            repository=run.repository,
            outcome=outcome,
            reason="",
            trace="t",
        )
        self.watch.finish(
            claimed.lease, result, Event.about(result, "2001-09-09T01:46:40.000Z"), None
        )

    def rows(self) -> list[dict[str, Any]]:
        told = []
        for buying in self.runs:
            row = self.watch.run(buying.job.id, 0)
            calls = self.watch.calls(RunKey(buying.job.id, 0))
            states = Counter(call.state for call in calls)
            counted = sum(call.micro_usd for call in calls)
            told.append(
                {
                    "run": buying.job.issue.number,
                    "repository": buying.job.issue.repository,
                    "outcome": row.outcome if row else None,
                    "deliveries": buying.deliveries,
                    **{
                        state: states[state] for state in ("settled", "released", "cut", "reserved")
                    },
                    "counted_usd": counted / 1e6,
                    "charged_usd": buying.charged / 1e6,
                    "undercounted_usd": max(buying.charged - counted, 0) / 1e6,
                    "paid_twice": buying.bought_again,
                }
            )
        return told


def summary(world: World, rows: list[dict[str, Any]]) -> dict[str, float]:
    """``overspend_usd_max``: the most by which reserved plus settled ever passed a limit. ``undercounted_usd_max``: the
    most that a provider charged a run over what the ledger says."""
    ended = Counter(row["outcome"] for row in rows)
    return {
        "runs": len(rows),
        "calls": sum(
            row[state] for row in rows for state in ("settled", "released", "cut", "reserved")
        ),
        "overspend_usd_max": world.watch.overspend / 1e6,
        "paid_twice": sum(row["paid_twice"] for row in rows),
        "calls_cut": sum(row["cut"] + row["reserved"] for row in rows),
        "undercounted_usd_max": max(row["undercounted_usd"] for row in rows),
        "budget_exhausted": ended["budget_exhausted"],
        "unfinished": ended[None],
        "waits_for_a_day": world.waits,
    }


def measure(
    store: RunStore, *, runs: int, seed: int, lanes: int
) -> tuple[World, list[dict[str, Any]]]:
    world = World(store, seed, runs)

    async def all_lanes() -> None:
        queue = list(world.runs)
        await asyncio.gather(*(asyncio.create_task(world.lane(queue)) for _ in range(lanes)))

    asyncio.run(all_lanes())
    return world, world.rows()


def open_dynamodb() -> RunStore:
    from pipeline.store.dynamodb import DynamoStore, table_definition
    from tests.stand_ins.moto import moto_client

    client = moto_client("dynamodb")
    client.create_table(**table_definition("budget"))
    return DynamoStore("budget", clock=clock, client=client)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=8, help="runs at once")
    parser.add_argument("--store", choices=("sqlite", "dynamodb"), default="sqlite")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="budget-") as folder:
        sqlite = arguments.store == "sqlite"
        store = (
            SqliteStore(Path(folder) / "store.sqlite", clock=clock) if sqlite else open_dynamodb()
        )
        world, rows = measure(
            store, runs=max(arguments.runs, 1), seed=arguments.seed, lanes=max(arguments.lanes, 1)
        )
        told = report.report("budget", summary(world, rows), rows)
        store.close()
    report.write(told, arguments.json)
    columns = (
        "outcome",
        "runs",
        "deliveries",
        "settled",
        "released",
        "cut",
        "counted $",
        "charged $",
    )
    lines = []
    for outcome in sorted({row["outcome"] or "unfinished" for row in rows}):
        of_it = [row for row in rows if (row["outcome"] or "unfinished") == outcome]
        names = ("deliveries", "settled", "released", "cut", "counted_usd", "charged_usd")
        lines.append([outcome, len(of_it), *(sum(row[name] for row in of_it) for name in names)])
    report.show("budget", columns, lines, told["summary"])


if __name__ == "__main__":
    main()
