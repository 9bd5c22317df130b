"""Recorded usage through the real ledger and prices: no reservation is below the cost."""

import gzip
import json
from pathlib import Path

import pytest

from benchmarks.recorded_usage import RecordedRun, read_runs
from benchmarks.reservations import measure, summarize

MODEL = "anthropic/claude-opus-4-7"
ADDED = 4_000
WRITTEN = 500


def recorded_steps(calls: int) -> list[dict[str, object]]:
    steps: list[dict[str, object]] = []
    for number in range(calls):
        tokens = [2_000 + number * ADDED, 0, WRITTEN]
        step = {"tokens": tokens, "command": "cat shop/cart.py", "rc": 0, "seen": "    return a\n"}
        steps.append(step)
    return steps


@pytest.fixture
def run(tmp_path: Path) -> RecordedRun:
    fields = {"instance_id": "octo__cart-1", "resolved": True, "submission": ""}
    fields["steps"] = recorded_steps(12)
    file = tmp_path / "runs.jsonl.gz"
    file.write_bytes(gzip.compress(json.dumps(fields).encode()))
    (recorded,) = read_runs(file)
    return recorded


def test_texts_are_as_long_as_their_tokens_say(run: RecordedRun) -> None:
    reply = run.replies[0]
    assert len(run.prompt) == 3 * 2_000
    assert reply.text.startswith("cat shop/cart.py")
    assert len(reply.text) == 3 * WRITTEN
    assert len(reply.observation) == 3 * (ADDED - WRITTEN)
    assert run.replies[-1].observation == ""


def test_reservations_are_never_below_the_cost(run: RecordedRun, tmp_path: Path) -> None:
    numbers = summarize(measure([run], MODEL, 3.0, tmp_path), 3.0)
    assert numbers["over_min"] > 1
    assert 1 < numbers["over_input_min"] <= numbers["over_input_median"] < 1.2
    assert numbers["stopped_by_reservation"] == 0


def test_a_run_that_its_reservations_stop_is_counted(run: RecordedRun, tmp_path: Path) -> None:
    player = measure([run], MODEL, 0.65, tmp_path)
    (row,) = player.runs
    assert row.cost_usd < 0.65
    assert 0 < row.bought < row.calls == 12
    numbers = summarize(player, 0.65)
    assert numbers["stopped_by_reservation"] == 1
    assert numbers["over_limit"] == 0
