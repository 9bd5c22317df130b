"""Every command's help has examples, and each of them works, as do the commands of the docs."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from cli import exits
from tests.cli.commands import WRITES
from tests.cli.console import Console, new_console
from tests.cli.help_examples import every_example, every_name, examples_of
from tests.cli.injected_ends import inject_ends, worker_of_canary
from tests.cli.prepared_world import FinishedRun, World, finished_run, prepared_world
from tests.cli.shell_lines import ShellLine
from tests.doc_blocks import run_commands
from tests.stand_ins.aws import Aws, reach_aws

#: Commands that end with another code than 0, as their help says.
ENDS = {
    "prompts watch": exits.INTERRUPTED,  # only Ctrl-C ends it
    "prompts diff": exits.ERROR,  # the sets differ
}
#: Parts of lines that change something although their command only reads, or hide messages.
CHANGING_PARTS = ("dlq ", "--aws", "--update", "git apply")
#: What a command says that found nothing to show or to do.
_NOTHING = re.compile(r"^(no such |no runs |imported 0)|\b0 messages", re.MULTILINE)
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
def own_world(
    console: Console, finished: FinishedRun, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    with prepared_world(console, finished, aws, monkeypatch) as world:
        inject_ends(world, monkeypatch)
        yield world


@pytest.fixture(scope="module")
def shared_world(
    finished: FinishedRun, aws_server: Aws, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        console = new_console(tmp_path_factory.mktemp("shared"), monkeypatch)
        reach_aws(aws_server, monkeypatch)
        with prepared_world(console, finished, aws_server, monkeypatch) as world:
            inject_ends(world, monkeypatch)
            yield world


def changes(line: str) -> bool:
    """Return whether an example changes what others may use."""
    has_writer = any(f"coding-agent {command}" in line for command in WRITES)
    return has_writer or any(part in line for part in CHANGING_PARTS)


@pytest.fixture
def world(line: str, request: pytest.FixtureRequest) -> World:
    """Where an example is run: one that changes nothing shares its world with others."""
    world: World = request.getfixturevalue("own_world" if changes(line) else "shared_world")
    return world


def prepare(world: World, line: str) -> None:
    """Let there be what only this example needs."""
    if "dlq import" in line:
        world.move_dead_letters_to_file()
    if "retry-events" in line:
        world.refuse_event()


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


def every_line() -> list[Any]:
    """Return the examples, and as slow ones the other commands of the docs."""
    examples = every_example()
    ours = [line for line in run_commands() if line.startswith("coding-agent ")]
    others = [line for line in ours if line not in examples]
    return [*examples, *[pytest.param(line, marks=pytest.mark.slow) for line in others]]


@pytest.mark.parametrize("line", every_line())
def test_each_example_works(world: World, line: str) -> None:
    shell = ShellLine(world.console, {"datasette": open_database})
    prepare(world, line)
    asks_worker = "doctor --aws" in line
    with worker_of_canary(world) if asks_worker else nullcontext():
        result = shell.run(world.fill_in(line))
    assert result.code == expected_code(line), result.stderr or result.stdout.decode()
    assert not _NOTHING.search(result.stdout.decode() + result.stderr), "it finds nothing"
    for name in _WRITTEN.findall(line):
        assert (world.console.folder / name).stat().st_size > 0
