"""The cost range of each strategy with a model: calls and US dollars of a run, from its limits and
the model's list price.

    python -m benchmarks.strategies --model NAME [--rounds N] [--json OUT]

The minimum is the fewest calls with little context and short replies. The maximum is every call
that the rounds allow, each with all of its token budget. The model is never called.
"""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import report
from pipeline.model.capabilities import Models
from pipeline.model.price import PER_MILLION, Price
from pipeline.model.prices import ModelPrices
from stages.build_context import MAX_TOKENS
from stages.propose_patch import MAX_FEEDBACK, Plan
from stages.propose_patch.history import MAX_HISTORY

#: Tokens of the system message, a short issue and one small file.
SHORT_PROMPT = 2_500
SHORT_REPLY = 300
#: Tokens of an issue with comments, beside the context.
LONG_ISSUE = 8_000
CHARACTERS_PER_TOKEN = 4

PLANS = (Plan("single"), Plan("balanced"), Plan("agent"))
NUMBERS = ("calls_min", "calls_max", "usd_min", "usd_max")


@dataclass(frozen=True)
class CostRange:
    strategy: str
    calls_min: int
    calls_max: int
    usd_min: float
    usd_max: float


def cost_ranges(model: str, rounds: int) -> list[CostRange]:
    """Raises ValueError where the model has no price."""
    models = Models.load()
    price = ModelPrices(models).price(model)
    longest_reply = max(models.profile(model).max_tokens.values())
    return [_cost_range(plan, rounds, price, longest_reply) for plan in PLANS]


def _cost_range(plan: Plan, rounds: int, price: Price, longest_reply: int) -> CostRange:
    fewest, most = plan.calls(rounds)
    longest_prompt = MAX_TOKENS + LONG_ISSUE + MAX_FEEDBACK // CHARACTERS_PER_TOKEN
    if plan.strategy == "agent":
        longest_prompt += MAX_HISTORY // CHARACTERS_PER_TOKEN
    cheapest_call = SHORT_PROMPT * price.input + SHORT_REPLY * price.output
    dearest_call = longest_prompt * price.input + longest_reply * price.output
    return CostRange(
        strategy=plan.strategy,
        calls_min=fewest,
        calls_max=most,
        usd_min=fewest * cheapest_call / PER_MILLION,
        usd_max=most * dearest_call / PER_MILLION,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="a LiteLLM model name")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        ranges = cost_ranges(options.model, options.rounds)
    except ValueError as error:
        parser.error(str(error))
    rows = [asdict(cost_range) for cost_range in ranges]
    summary = {}
    for row in rows:
        for name in NUMBERS:
            summary[f"{row['strategy']}_{name}"] = row[name]
    report.write(report.report("strategies", summary, rows), options.json)
    lines = [list(row.values()) for row in rows]
    report.show("strategies", ("strategy", *NUMBERS), lines, {"rounds": options.rounds})


if __name__ == "__main__":
    main()
