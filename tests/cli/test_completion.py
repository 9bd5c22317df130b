"""Completing the ids of jobs in a shell."""

from contextlib import closing

import click
import pytest

from cli.completion import complete_job_id
from cli.lazy_commands import LazyCommand
from cli.main import main
from pipeline.store.sqlite import SqliteStore
from tests.cli.commands import each_command
from tests.cli.console import Console
from tests.stand_ins.aws import Aws
from tests.stand_ins.runs import Clock, claim, finish, job


def completed(incomplete: str) -> list[tuple[str, str | None]]:
    with main.make_context("coding-agent", ["jobs"]) as context:
        return [(item.value, item.help) for item in complete_job_id(context, incomplete)]


@pytest.fixture
def two_jobs(console: Console) -> None:
    clock = Clock()
    store = SqliteStore(console.data_dir / "store.sqlite", clock=clock)
    for number, job_id in ((1, "nightly-1"), (2, "weekly")):
        clock.now += 1
        claim(store, job(number, job_id=job_id))
    store.close()


def test_the_newest_jobs_are_offered_with_their_issues(two_jobs: None) -> None:
    assert completed("") == [("weekly", job(2).issue_url), ("nightly-1", job(1).issue_url)]


def test_the_beginning_of_an_id_is_completed(two_jobs: None) -> None:
    assert completed("n") == [("nightly-1", job(1).issue_url)]
    assert completed("x") == []


def test_a_job_with_several_runs_is_offered_once(console: Console, two_jobs: None) -> None:
    with closing(SqliteStore(console.data_dir / "store.sqlite")) as store:
        finish(store, claim(store, job(3, job_id="third")))
        claim(store, job(3, job_id="third", replay={"id": "again"}))
    assert [value for value, _ in completed("")] == ["third", "weekly", "nightly-1"]


def test_nothing_is_offered_without_a_store(console: Console) -> None:
    assert completed("") == []
    assert not console.data_dir.exists()


def test_nothing_is_offered_if_aws_refuses(
    console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_STORE", "dynamodb://nosuch")
    assert completed("") == []


def test_the_shell_completes_the_job_of_each_command_that_takes_one(
    console: Console, two_jobs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_CODING_AGENT_COMPLETE", "fish_complete")
    completing = set()
    for name, command in each_command():
        arguments = [item for item in command.params if isinstance(item, click.Argument)]
        if "job" not in [argument.name for argument in arguments]:
            continue
        monkeypatch.setenv("COMP_WORDS", f"coding-agent {name} night")
        monkeypatch.setenv("COMP_CWORD", "night")
        assert console.run().stdout == f"plain,nightly-1\t{job(1).issue_url}\n", name
        completing.add(name)
    assert {"jobs show", "jobs cancel", "prompts replay"} < completing


def test_the_names_of_commands_are_completed_without_importing_them(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LazyCommand, "load", None)
    with main.make_context("coding-agent", ["jobs"]) as context:
        items = main.shell_complete(context, "sub")
    assert [(item.value, item.help) for item in items] == [("submit", "Put jobs on the queue.")]
