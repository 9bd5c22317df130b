"""Tokens of recorded agent runs, and what such runs cost with a model.

    python -m benchmarks.usage --trajectories FILE.jsonl.gz [--model NAME] [--json OUT]

The cost is at the model's price in LiteLLM's list, without what a provider charges for writing its
cache.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean, median

from benchmarks import report
from benchmarks.recorded_usage import read_runs
from pipeline.model.capabilities import Models
from pipeline.model.price import Price, Usage
from pipeline.model.prices import ModelPrices

#: The mean of 290 runs of mini-swe-agent 1.15 with Gemini 3 Pro on SWE-bench Verified
#: (github.com/gruckion/mini-swe-agent, swebench_results/20251118_gemini-3-pro-74pct), as this
#: program prints it.
MEAN_RUN = Usage(prompt_tokens=621_222, cached_tokens=517_709, completion_tokens=10_970)


def read_usages(file: Path) -> list[Usage]:
    """Return the usage of each run in a file of trajectories."""
    usages: list[Usage] = []
    for run in read_runs(file):
        usage = Usage(
            prompt_tokens=sum(reply.prompt_tokens for reply in run.replies),
            completion_tokens=sum(reply.completion_tokens for reply in run.replies),
            cached_tokens=sum(reply.cached_tokens for reply in run.replies),
        )
        usages.append(usage)
    return usages


def summary(usages: Sequence[Usage], price: Price | None) -> dict[str, float]:
    columns: dict[str, list[float]] = {
        "prompt": [usage.prompt_tokens for usage in usages],
        "cached": [usage.cached_tokens for usage in usages],
        "written": [usage.completion_tokens for usage in usages],
    }
    if price is not None:
        columns["cost_usd"] = [price.cost_usd(usage) for usage in usages]
    result: dict[str, float] = {"runs": len(usages)}
    for name, values in columns.items():
        result[f"{name}_mean"] = fmean(values)
        result[f"{name}_median"] = median(values)
        result[f"{name}_90"] = sorted(values)[int(0.9 * len(values))]
        result[f"{name}_most"] = max(values)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trajectories", type=Path, required=True)
    parser.add_argument("--model", help="a LiteLLM model name")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    price: Price | None = None
    if options.model:
        try:
            price = ModelPrices(Models.load()).price(options.model)
        except ValueError as error:
            parser.error(str(error))
    usages = read_usages(options.trajectories)
    totals = summary(usages, price)
    rows = [asdict(usage) for usage in usages]
    report.write(report.report("usage", totals, rows), options.json)
    report.show("usage", ("figure", "value"), list(totals.items()), {})


if __name__ == "__main__":
    main()
