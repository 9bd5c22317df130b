"""``coding-agent jobs cancel``."""

import json

import pytest

from pipeline.store.sqlite import SqliteStore
from tests.cli.console import Console
from tests.stand_ins.runs import claim, job


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_cancelling_asks_the_unfinished_run_to_stop(
    console: Console, store: SqliteStore, options: list[str]
) -> None:
    claim(store)
    result = console.run("jobs", "cancel", job().id, *options)
    assert result.exit_code == 0
    assert (
        json.loads(result.stdout)["job_id"] == job().id
        if options
        else result.stdout.startswith("asked ")
    )
    row = store.run(job().id)
    assert row is not None
    assert row.cancel_requested


def test_cancelling_an_ended_job_is_an_error(console: Console, ended: str) -> None:
    assert (
        console.refused("jobs", "cancel", ended, code=1)
        == f"job '{ended}' has already ended: pr_opened"
    )
