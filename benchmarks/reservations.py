"""Measure how far reservations exceed what calls cost, over recorded runs of an agent.

    python -m benchmarks.reservations --trajectories FILE.jsonl.gz [--model NAME ...]
                                      [--limit USD] [--sample N] [--seed S] [--json OUT]

Each run is a conversation: its calls are bought one after another through the real buyer, ledger
and prices, and a stand-in answers with the recorded usage. The texts of the messages are made by
``benchmarks.recorded_usage``; the protocol is text, without tools. For a provider that caches what
is marked, everything sent before is read from the cache, and the rest is written to it. Other
providers cache what they cached when the run was recorded.

- ``over_*``: a call's reservation over its cost. Below 1, a limit could be exceeded.
- ``over_input_*``: the same for the input alone, if nothing had been in the cache. A cache entry
  may expire at any time, so no reservation can be lower.
- ``stopped_by_reservation``: the share of resolved runs that cost no more than the limit, but were
  refused a call by their reservations; ``over_limit``: those that cost more.
- ``spendable_*``: the share of the limit that a run could spend before the call of its own last
  step was refused, over the resolved runs.
- ``longer_replies``: the share of replies longer than the shortest one that is asked for.
"""

import argparse
import asyncio
import itertools
import random
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks import report
from benchmarks.arguments import make_parser
from benchmarks.memory_artifacts import MemoryArtifacts
from benchmarks.recorded_usage import RecordedRun, read_runs
from pipeline.errors import Halt
from pipeline.job import FixIssueJob
from pipeline.leased_run import LeasedRun
from pipeline.model import Message, ModelReply, ModelRequest
from pipeline.model.buyer import Buyer
from pipeline.model.capabilities import ModelProfile, Models
from pipeline.model.ledger import Ledger
from pipeline.model.price import Price, Usage
from pipeline.model.prices import ModelPrices
from pipeline.model.worst_case import SHORTEST_REPLY, WorstCase
from pipeline.money import to_micro_usd
from pipeline.store.contract import Claimed, MoneyCaps, Submission
from pipeline.store.sqlite import SqliteStore

#: One of each class of price: 3 and 15, 5 and 25, 1.25 and 10 US dollars per million tokens.
MODELS = ("anthropic/claude-sonnet-4-6", "anthropic/claude-opus-4-7", "openai/gpt-5.1")
#: The default of CODING_AGENT_MAX_COST_USD.
LIMIT_USD = 3.0
#: More than any run costs.
_UNLIMITED_USD = 1_000_000.0
_LEASE_SECONDS = 3600.0
NUMBERS = (
    "over_min",
    "over_median",
    "over_99",
    "over_input_min",
    "over_input_median",
    "over_input_99",
    "stopped_by_reservation",
    "over_limit",
    "spendable_median",
    "spendable_1",
    "longer_replies",
)


@dataclass(frozen=True)
class CallRow:
    """A call, in US dollars."""

    reserved: float
    reserved_input: float
    cost: float
    uncached_input: float
    """What the input would have cost without the cache."""
    least: float
    """The reservation for the shortest reply."""
    reply_tokens: int


@dataclass(frozen=True)
class RunRow:
    model: str
    instance_id: str
    resolved: bool
    calls: int
    cost_usd: float
    """Of all recorded calls."""
    bought: int
    """Calls within the limit."""


class RecordedProvider:
    """A model client that answers with the usage of a recorded run."""

    def __init__(self, prices: ModelPrices, models: Models, run: RecordedRun):
        self.rows: list[CallRow] = []
        self._prices = prices
        self._models = models
        self._run = run

    def profile(self, model: str) -> ModelProfile:
        return self._models.profile(model)

    def worst_case(self, request: ModelRequest) -> WorstCase:
        return self._prices.worst_case(request)

    def record_usage(self, request: ModelRequest, reply: ModelReply) -> None:
        self._prices.record_usage(request, reply)

    async def complete(self, request: ModelRequest) -> ModelReply:
        number = len(self.rows)
        marked = self._prices.needs_cache_marks(request.model)
        usage = self._run.usages(marked=marked)[number]
        price = self._prices.price(request.model, input_tokens=usage.prompt_tokens)
        row = _call_row(self.worst_case(request), price, usage)
        self.rows.append(row)
        return ModelReply(
            content=self._run.replies[number].text,
            finish_reason="stop",
            model=request.model,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            cost_usd=row.cost,
        )


def _call_row(worst: WorstCase, price: Price, usage: Usage) -> CallRow:
    uncached = Usage(usage.prompt_tokens, 0)
    if usage.cache_write_tokens:
        uncached = Usage(usage.prompt_tokens, 0, cache_write_tokens=usage.prompt_tokens)
    return CallRow(
        reserved=worst.usd,
        reserved_input=worst.input_usd,
        cost=price.cost_usd(usage),
        uncached_input=price.cost_usd(uncached),
        least=worst.input_usd + SHORTEST_REPLY * worst.token_usd,
        reply_tokens=usage.completion_tokens,
    )


class Player:
    """Plays recorded runs with one model."""

    def __init__(self, store: SqliteStore, model: str):
        self.runs: list[RunRow] = []
        self.calls: list[CallRow] = []
        self.last_calls: list[CallRow] = []
        """The last call of each resolved run."""
        self._store = store
        self._model = model
        self._models = Models.load()
        self._numbers = itertools.count(1)

    def play(self, run: RecordedRun, limit_usd: float) -> None:
        rows = asyncio.run(self._buy(run, _UNLIMITED_USD))
        bought = len(rows)
        if _reaches(limit_usd, rows):
            bought = len(asyncio.run(self._buy(run, limit_usd)))
        self.calls += rows
        if run.resolved:
            self.last_calls.append(rows[-1])
        row = RunRow(
            model=self._model,
            instance_id=run.instance_id,
            resolved=run.resolved,
            calls=len(rows),
            cost_usd=sum(call.cost for call in rows),
            bought=bought,
        )
        self.runs.append(row)

    async def _buy(self, run: RecordedRun, limit_usd: float) -> list[CallRow]:
        """Buy the run's calls until one is refused."""
        provider = RecordedProvider(ModelPrices(self._models), self._models, run)
        buyer = Buyer(provider, model=self._model)
        ledger = self._ledger(limit_usd)
        messages: tuple[Message, ...] = (_message(run.prompt),)
        for number, recorded in enumerate(run.replies, 1):
            request = ModelRequest(model=self._model, messages=messages, use="agent")
            try:
                reply = await buyer.buy(ledger, f"step-{number}", request)
            except Halt:
                break
            messages = (*messages, reply.as_message(), _message(recorded.observation))
        return provider.rows

    def _ledger(self, limit_usd: float) -> Ledger:
        number = next(self._numbers)
        job = FixIssueJob(issue_url=f"https://github.com/octo/repo/issues/{number}")
        claimed = self._store.claim(Submission.of(job), lease_seconds=_LEASE_SECONDS)
        assert isinstance(claimed, Claimed), claimed
        leased = LeasedRun(self._store, MemoryArtifacts(), claimed.lease, _clock)
        unlimited = to_micro_usd(_UNLIMITED_USD) * 1_000
        return Ledger(leased, MoneyCaps(to_micro_usd(limit_usd), unlimited, unlimited))


def _reaches(limit_usd: float, calls: Sequence[CallRow]) -> bool:
    """Return whether a reservation of a run without a limit would exceed the limit."""
    settled = 0.0
    for call in calls:
        if settled + call.reserved > limit_usd:
            return True
        settled += call.cost
    return False


def _message(text: str) -> Message:
    return Message(role="user", content=text, reused=True)


def _clock() -> float:
    return 1_000_000_000.0


def summarize(player: Player, limit_usd: float) -> dict[str, float]:
    """Return the numbers of one model."""
    over = sorted(call.reserved / call.cost for call in player.calls)
    over_input = sorted(call.reserved_input / call.uncached_input for call in player.calls)
    spendable = sorted(1 - call.least / limit_usd for call in player.last_calls)
    longer = [call for call in player.calls if call.reply_tokens > SHORTEST_REPLY]
    resolved = [run for run in player.runs if run.resolved]
    stopped = [run for run in resolved if run.bought < run.calls]
    over_limit = [run for run in resolved if run.cost_usd > limit_usd]
    values = (
        *_spread(over),
        *_spread(over_input),
        (len(stopped) - len(over_limit)) / len(resolved),
        len(over_limit) / len(resolved),
        median(spendable),
        _quantile(spendable, 0.01),
        len(longer) / len(player.calls),
    )
    return dict(zip(NUMBERS, values, strict=True))


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    return values[0], median(values), _quantile(values, 0.99)


def _quantile(values: Sequence[float], share: float) -> float:
    return values[round(share * (len(values) - 1))]


def measure(runs: Iterable[RecordedRun], model: str, limit_usd: float, folder: Path) -> Player:
    store = SqliteStore(folder / f"{model.replace('/', '-')}.sqlite", clock=_clock)
    player = Player(store, model)
    for run in runs:
        player.play(run, limit_usd)
    store.close()
    return player


def parse_options() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--trajectories", type=Path, required=True)
    parser.add_argument("--model", action="append", help="a LiteLLM model name; may be repeated")
    parser.add_argument("--limit", type=float, default=LIMIT_USD, help="US dollars of a run")
    parser.add_argument("--sample", type=int, help="play this many runs, chosen at random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    runs = read_runs(options.trajectories)
    if options.sample:
        runs = random.Random(options.seed).sample(runs, options.sample)
    summary: dict[str, float] = {"runs": len(runs), "limit_usd": options.limit}
    rows = []
    lines = []
    with tempfile.TemporaryDirectory(prefix="reservations-") as folder:
        for model in options.model or MODELS:
            player = measure(runs, model, options.limit, Path(folder))
            numbers = summarize(player, options.limit)
            summary |= {f"{model}_{name}": value for name, value in numbers.items()}
            rows += [asdict(row) for row in player.runs]
            lines.append([model, *numbers.values()])
    report.write(report.report("reservations", summary, rows), options.json)
    shown = {"runs": summary["runs"], "limit_usd": summary["limit_usd"]}
    report.show("reservations", ("model", *NUMBERS), lines, shown)


if __name__ == "__main__":
    main()
