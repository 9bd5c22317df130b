"""``prompts compare``: two sets of templates on the same stored runs."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import click
import pytest

from cli.prompts.runs import StoredRun, newest_runs
from console.comparison.page import GENERATOR
from console.comparison.trials import Trial
from prompts.template_set import SHIPPED
from tests.cli.console import Console, Sample
from tests.cli.prompts.stored import edit, stored
from tests.console.comparison.cases import trial


def comparing(
    console: Console, sample: Sample, mine: Path, *script: dict[str, object]
) -> tuple[str | Path, ...]:
    """Return the arguments that compare the shipped set with an edited one on one stored run.

    The model follows ``script``.
    """
    stored(console, sample)
    edit(mine, "propose", "# Task\n", "# Task\n\nBe brief.\n")
    (console.folder / "new.yaml").write_text(json.dumps(script))
    return ("prompts", "compare", SHIPPED, mine, "--runs", "3", "--model", "scripted:new.yaml")


def test_two_sets_are_compared_after_the_cost_is_confirmed(
    console: Console, sample: Sample, mine: Path
) -> None:
    script = [
        {"when": "Be brief", "reply": "no edit"},
        {"reply": sample.reply.read_text(), "cost_usd": 0.5},
    ]
    arguments = comparing(console, sample, mine, *script)
    declined = console.run(*arguments, stdin="n\n")
    assert declined.exit_code == 1
    assert (
        "1 issue with two sets each: about $0.00, twice what they cost before; at most $6.00"
        in declined.stderr
    )
    page = console.folder / "comparison.html"
    page.write_text(f"<meta content='{GENERATOR}'>an earlier page")
    result = console.json(*arguments, "--yes", "--json", "--html", page)
    assert (result["issues"], result["only_a"], result["only_b"], result["mcnemar_p"]) == (
        1,
        1,
        0,
        1.0,
    )
    assert (result["resolved"]["a"], result["resolved"]["b"]) == (1, 0)
    assert (result["cost_usd"]["a"], result["cost_usd"]["interval"]) == (0.5, None)
    assert result["rounds"]["b"] > result["rounds"]["a"] == 1
    (row,) = result["rows"]
    assert (row["run"], row["change"]) == (f"{sample.job.id}/0", "worse")
    text = page.read_text()
    assert "<h1>1 issue got worse" in text and "an earlier page" not in text
    assert "Be brief." in text and f"{sample.job.id}/0" in text


def test_a_page_that_can_not_be_written_is_refused_before_a_model_is_paid(
    console: Console, sample: Sample, mine: Path
) -> None:
    message = console.refused("prompts", "compare", SHIPPED, mine, "--runs=1", "--html", "no/x")
    assert message == "no/x can't be created: there is no folder no"
    (console.folder / "notes").write_text("mine")
    message = console.refused("prompts", "compare", SHIPPED, mine, "--runs=1", "--html", "notes")
    assert message == "notes is not the page of a comparison: name another file"


def test_an_issue_that_did_not_finish_is_left_out_of_a_comparison(
    console: Console, sample: Sample, mine: Path
) -> None:
    script = [{"when": "Be brief", "status": 404}, {"reply": sample.reply.read_text()}]
    result = console.run(*comparing(console, sample, mine, *script), "--yes")
    assert result.exit_code == 4 and "1 left out: not finished with both sets" in result.stderr
    assert "no issue was finished with both sets" in result.stderr


def test_a_run_without_a_result_that_is_needed_is_left_out(
    console: Console, sample: Sample, mine: Path
) -> None:
    arguments = comparing(console, sample, mine, {"reply": "no edit"})
    with closing(sqlite3.connect(console.data_dir / "store.sqlite")) as database, database:
        database.execute("DELETE FROM items WHERE json_extract(data, '$.stage') = 'build_context'")
    result = console.run(*arguments, "--yes")
    assert result.exit_code == 4
    assert f"run {sample.job.id} has no result of build_context" in result.stderr
    assert "1 left out: not finished with both sets" in result.stderr


def test_after_an_interruption_the_result_covers_what_has_been_paid_for(
    console: Console, sample: Sample, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = comparing(console, sample, mine)
    trials = iter([trial(), trial(None), trial()])

    def repeat_run(*_: object) -> Trial:
        for next_trial in trials:
            return next_trial
        raise KeyboardInterrupt

    def stored_run_twice(ctx: click.Context, count: int) -> list[StoredRun]:
        return 2 * newest_runs(ctx, count)

    monkeypatch.setattr("cli.prompts.compare._repeat_run", repeat_run)
    monkeypatch.setattr("cli.prompts.runs.newest_runs", stored_run_twice)
    result = console.run(*arguments, "--yes")
    assert result.exit_code == 0
    assert result.stdout.startswith("1 issue got worse, 0 got better, 0 stayed the same\n")
    assert "stopped: the result covers the runs finished so far" in result.stderr
    assert "1 left out: not finished with both sets" in result.stderr
