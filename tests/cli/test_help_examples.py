"""Every command's help has examples, and each of them works."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from cli import exits
from tests.cli.console import Console
from tests.cli.help_examples import every_example, every_name, examples_of
from tests.cli.injected_ends import inject_ends, worker_of_canary
from tests.cli.prepared_world import FinishedRun, World, finished_run, prepared_world
from tests.cli.shell_lines import ShellLine
from tests.stand_ins.aws import Aws

#: Commands that end with another code than 0, as their help says.
ENDS = {
    "prompts watch": exits.INTERRUPTED,  # only Ctrl-C ends it
    "prompts diff": exits.ERROR,  # the sets differ
}
#: An option or a program before the name of a file that an example writes.
_WRITTEN = re.compile(r"(?:>|--output|--patch|--plot|--html|--export|dlq export) ([\w./-]*\w)")


@pytest.mark.parametrize("name", every_name())
def test_every_command_has_an_example_of_itself(name: str) -> None:
    command = f"coding-agent {name}".strip()
    assert any(command in example for example in examples_of(name))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FinishedRun]:
    with finished_run(tmp_path_factory.mktemp("finished")) as finished:
        yield finished


@pytest.fixture
def world(
    console: Console, finished: FinishedRun, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    with prepared_world(console, finished, aws, monkeypatch) as world:
        inject_ends(world, monkeypatch)
        yield world


def expected_code(line: str) -> int:
    for command, code in ENDS.items():
        if f"coding-agent {command}" in line:
            return code
    return exits.OK


def open_database(words: list[str]) -> None:
    """Stand in for Datasette, which serves for ever: the file is a database with the runs."""
    with sqlite3.connect(words[0]) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone()[0] > 0
    database.close()


@pytest.mark.parametrize("line", every_example())
def test_each_example_works(world: World, line: str) -> None:
    shell = ShellLine(world.console, {"datasette": open_database})
    if "dlq import" in line:
        world.export_dead_letters()
    asks_worker = "doctor --aws" in line
    with worker_of_canary(world) if asks_worker else nullcontext():
        result = shell.run(world.fill_in(line))
    assert result.code == expected_code(line), result.stderr
    for name in _WRITTEN.findall(line):
        assert (world.console.folder / name).stat().st_size > 0
