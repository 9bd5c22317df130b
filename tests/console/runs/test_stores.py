"""A report is the same from either store, and asks DynamoDB a fixed number of times."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.console.reports import read
from tests.pipeline.store.conftest import dynamodb_client, open_dynamodb
from tests.stand_ins.example_runs import long_agent_run

#: What a run consists of in the store: one query for each.
PARTS = ("checkpoints", "rounds", "calls", "history", "effects")


def calls_of(action: Callable[[], object]) -> int:
    """Return how often an action asks DynamoDB."""
    calls: list[str] = []

    def note(model: Any, **_: object) -> None:
        calls.append(model.name)

    events = dynamodb_client().meta.events
    events.register("before-call.dynamodb", note)
    try:
        action()
    finally:
        events.unregister("before-call.dynamodb", note)
    return len(calls)


def test_a_report_is_the_same_from_either_store(tmp_path: Path) -> None:
    in_sqlite = read(long_agent_run(tmp_path / "sqlite", steps=2))
    in_dynamodb = read(long_agent_run(tmp_path / "dynamodb", steps=2, open_store=open_dynamodb))
    assert in_dynamodb.timeline == in_sqlite.timeline
    assert in_dynamodb.calls == in_sqlite.calls
    assert in_dynamodb.rounds == in_sqlite.rounds
    assert in_dynamodb.headline == in_sqlite.headline


@pytest.mark.parametrize("steps", [1, 12])
def test_the_number_of_queries_does_not_grow_with_the_run(tmp_path: Path, steps: int) -> None:
    run = long_agent_run(tmp_path, steps=steps, open_store=open_dynamodb)
    of_the_row = calls_of(lambda: run.row)
    assert calls_of(lambda: read(run)) == of_the_row + len(PARTS)
