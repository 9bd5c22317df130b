"""``coding-agent jobs list``."""

import pytest

from pipeline.outcome import Outcome
from pipeline.store.sqlite import SqliteStore
from tests.cli.console import Console


def test_a_repository_must_be_owner_and_name(console: Console, store: SqliteStore) -> None:
    assert "'nope' is not OWNER/NAME" in console.refused("jobs", "list", "--repo", "nope")


def test_an_empty_store_says_so(console: Console, store: SqliteStore) -> None:
    assert console.run("jobs", "list").stdout == "no runs yet\n"
    assert console.lines("jobs", "list", "--json") == []


def test_runs_are_listed_the_newest_first(console: Console, ended: str) -> None:
    rows = console.lines("jobs", "list", "--json")
    assert [(row["job_id"], row["generation"], row["outcome"]) for row in rows] == [
        (ended, 1, "pr_opened"),
        (ended, 0, "no_fix"),
    ]
    assert rows[1]["cost_usd"] == 0.0025
    assert rows[1]["issue_url"] == "https://github.com/octo/repo/issues/42"
    output = console.run("jobs", "list").stdout
    assert output.index("pr_opened") < output.index("no_fix")
    assert "$0.0025" in output


@pytest.mark.parametrize(
    ("options", "generations"),
    [
        (["--outcome", "no_fix"], [0]),
        (["--outcome", "running"], []),
        (["--repository", "Octo/Repo"], [1, 0]),
        (["--repository", "octo/other"], []),
        (["--limit", "1"], [1]),
    ],
)
def test_a_list_can_be_filtered(
    console: Console, ended: str, options: list[str], generations: list[int]
) -> None:
    rows = console.lines("jobs", "list", "--json", *options)
    assert [row["generation"] for row in rows] == generations


def test_an_unknown_outcome_is_refused_with_the_list(console: Console) -> None:
    message = console.refused("jobs", "list", "--outcome", "solved")
    assert all(f"'{outcome}'" in message for outcome in [*Outcome, "queued", "running"])
