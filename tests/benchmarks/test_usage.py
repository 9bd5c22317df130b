"""Token counts of recorded runs."""

import gzip
import json
from pathlib import Path

import pytest

from benchmarks.usage import read_usages, summary
from pipeline.model.price import Price, Usage


def test_the_tokens_of_a_run_are_summed_and_priced(tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl.gz"
    runs = [[[100, 0, 10], [200, 100, 20]], [[400, 300, 70]]]
    with gzip.open(file, "wt") as lines:
        for steps in runs:
            run = {"instance_id": "octo__shop-1", "resolved": True}
            run["steps"] = [{"tokens": tokens, "command": "ls"} for tokens in steps]
            lines.write(f"{json.dumps(run)}\n")
    usages = read_usages(file)
    assert usages == [Usage(300, 30, 100), Usage(400, 70, 300)]
    totals = summary(usages, Price(input=1, output=10, cached_input=0.1))
    assert (totals["runs"], totals["prompt_mean"], totals["written_most"]) == (2, 350, 70)
    # Of the 700 tokens of input, 400 were cached.
    assert totals["cost_usd_mean"] == pytest.approx((300 + 400 * 0.1 + 100 * 10) / 2e6)
