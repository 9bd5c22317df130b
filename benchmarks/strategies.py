"""What each strategy may cost with a model: calls and US dollars of a run, from its limits and the
model's list price.

    python -m benchmarks.strategies --model NAME [--rounds N] [--json OUT]

The least is the fewest calls with little context and short answers; the most is every call that the
rounds allow, with the whole of each budget of tokens. Nothing is asked of the model."""

import argparse
from pathlib import Path

from benchmarks import report
from pipeline.model import ModelRequest
from pipeline.model.litellm_client import LiteLLMClient
from stages.build_context import MAX_TOKENS
from stages.propose_patch import MAX_FEEDBACK, Plan
from stages.propose_patch.history import MAX_HISTORY

#: Of the system message, a short issue, one small file; of an issue with comments beside the
#: context.
LITTLE = 2_500
ISSUE = 8_000
SHORT_ANSWER = 300
CHARACTERS_A_TOKEN = 4


def rows(model: str, rounds: int) -> list[dict[str, object]]:
    """Raises ValueError where the model has no price."""
    price = LiteLLMClient().price(model)
    told: list[dict[str, object]] = []
    full = MAX_TOKENS + ISSUE + MAX_FEEDBACK // CHARACTERS_A_TOKEN
    most_written = ModelRequest(model=model, messages=()).max_tokens
    for plan in (Plan("cheap"), Plan("balanced"), Plan("agent")):
        fewest, most = plan.calls(rounds)
        history = MAX_HISTORY // CHARACTERS_A_TOKEN if plan.strategy == "agent" else 0
        least = fewest * (LITTLE * price.input + SHORT_ANSWER * price.output)
        dearest = most * ((full + history) * price.input + most_written * price.output)
        told.append(
            {
                "strategy": plan.strategy,
                "calls_min": fewest,
                "calls_max": most,
                "usd_min": least,
                "usd_max": dearest,
            }
        )
    return told


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="a LiteLLM model name")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    try:
        told = rows(arguments.model, arguments.rounds)
    except ValueError as error:
        parser.error(str(error))
    names = ("calls_min", "calls_max", "usd_min", "usd_max")
    summary = {f"{row['strategy']}_{name}": row[name] for row in told for name in names}
    document = report.report("strategies", summary, told)  # type: ignore[arg-type]
    report.write(document, arguments.json)
    report.show(
        "strategies",
        ("strategy", *names),
        [list(row.values()) for row in told],
        {"rounds": arguments.rounds},
    )


if __name__ == "__main__":
    main()
