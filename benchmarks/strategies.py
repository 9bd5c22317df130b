"""What the strategies cost with a model, from the tokens of recorded agent runs.

    python -m benchmarks.strategies --trajectories FILE.jsonl.gz [--model NAME ...] [--json OUT]

- ``agent``: the recorded runs as they were, with everything sent before in the provider's cache
  (see ``RecordedRun.usages``).
- ``single``, a round: the run's first message with a full context, nothing of it cached, and a
  reply with the run's change and ``REASONING`` tokens beside it, up to the longest reply.

The prices are those of ``CODING_AGENT_MODELS`` or of LiteLLM's list. No model is called.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks import report
from benchmarks.arguments import make_parser
from benchmarks.recorded_usage import CHARACTERS_PER_TOKEN, RecordedRun, read_runs
from benchmarks.reservations import MODELS
from cli.backends import model_settings
from pipeline.model import ModelRequest
from pipeline.model.price import Usage
from pipeline.model.prices import ModelPrices
from pipeline.settings import load
from stages.build_context import MAX_TOKENS

#: Tokens that a model writes beside a change in one reply: its reasoning, and a test.
REASONING = 3_000
NUMBERS = ("calls_median", "usd_median", "usd_90", "usd_most")


@dataclass(frozen=True)
class StrategyCost:
    model: str
    strategy: str
    calls_median: float
    usd_median: float
    usd_90: float
    usd_most: float


def strategy_costs(
    runs: Sequence[RecordedRun], model: str, prices: ModelPrices
) -> tuple[StrategyCost, StrategyCost]:
    """Raises ValueError: the model has no price."""
    marked = prices.needs_cache_marks(model)
    agent = [run.usages(marked=marked) for run in runs]
    longest_reply = prices.max_tokens(ModelRequest(model=model, messages=(), use="single"))
    single = [[_single_usage(run, longest_reply)] for run in runs]
    return (
        _cost(model, "agent", agent, prices),
        _cost(model, "single, a round", single, prices),
    )


def _single_usage(run: RecordedRun, longest_reply: int) -> Usage:
    prompt_tokens = MAX_TOKENS + run.replies[0].prompt_tokens
    change_tokens = len(run.change) // CHARACTERS_PER_TOKEN
    return Usage(prompt_tokens, min(REASONING + change_tokens, longest_reply))


def _cost(
    model: str, strategy: str, runs: Sequence[Sequence[Usage]], prices: ModelPrices
) -> StrategyCost:
    costs = sorted(_run_usd(model, usages, prices) for usages in runs)
    return StrategyCost(
        model=model,
        strategy=strategy,
        calls_median=median(len(usages) for usages in runs),
        usd_median=median(costs),
        usd_90=costs[int(0.9 * len(costs))],
        usd_most=costs[-1],
    )


def _run_usd(model: str, usages: Sequence[Usage], prices: ModelPrices) -> float:
    total = 0.0
    for usage in usages:
        price = prices.price(model, input_tokens=usage.prompt_tokens)
        total += price.cost_usd(usage)
    return total


def mean_tokens(runs: Sequence[RecordedRun]) -> dict[str, float]:
    """Return the mean tokens of a recorded run, as its provider counted and cached them."""
    totals = {"prompt_tokens": 0, "cached_tokens": 0, "completion_tokens": 0}
    for run in runs:
        for reply in run.replies:
            totals["prompt_tokens"] += reply.prompt_tokens
            totals["cached_tokens"] += reply.cached_tokens
            totals["completion_tokens"] += reply.completion_tokens
    return {f"{name}_mean": round(total / len(runs)) for name, total in totals.items()}


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--trajectories", type=Path, required=True)
    parser.add_argument("--model", action="append", help="a LiteLLM model name; may be repeated")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    runs = read_runs(options.trajectories)
    prices = ModelPrices(model_settings(load()))
    rows = []
    try:
        for model in options.model or MODELS:
            rows += [asdict(cost) for cost in strategy_costs(runs, model, prices)]
    except ValueError as error:
        parser.error(str(error))
    summary: dict[str, float] = {"runs": len(runs), **mean_tokens(runs)}
    for row in rows:
        for name in NUMBERS:
            summary[f"{row['model']}_{row['strategy'].partition(',')[0]}_{name}"] = row[name]
    report.write(report.report("strategies", summary, rows), options.json)
    lines = [list(row.values()) for row in rows]
    totals = {"runs": len(runs), **mean_tokens(runs)}
    report.show("strategies", ("model", "strategy", *NUMBERS), lines, totals)


if __name__ == "__main__":
    main()
