"""Commands that only read create nothing: no store, no folder, no file beside a store."""

from pathlib import Path

import pytest

from cli import exits
from pipeline.store.sqlite import SqliteStore
from tests.cli.commands import WRITES, each_command
from tests.cli.console import Console, Sample
from tests.stand_ins.aws import Aws
from tests.stand_ins.runs import claim

#: Command -> the arguments with which it is run here. They need a store.
READS_STORE: dict[str, list[str]] = {
    "jobs list": [],
    "jobs show": ["5c0b7e9c"],
    "jobs report": ["5c0b7e9c"],
    "jobs open": ["5c0b7e9c"],
    "jobs diff": ["5c0b7e9c"],
    "jobs tests": ["5c0b7e9c"],
    "jobs log": ["5c0b7e9c"],
    "jobs prompt": ["5c0b7e9c"],
    "jobs transcript": ["5c0b7e9c"],
    "jobs watch": ["5c0b7e9c"],
    "jobs stats": [],
    "jobs export": [],
    "jobs path": [],
    "console": [],
    "prompts replay": ["5c0b7e9c", "--template-dir", "default"],
    "prompts compare": ["default", "default", "--runs", "1", "--yes"],
}
#: The same for commands that answer without a store, and their exit code then.
READS_OTHER: dict[str, tuple[list[str], int]] = {
    "queue stats": ([], exits.OK),
    "dlq ls": ([], exits.OK),
    "dlq show": (["a-message"], exits.USAGE),
    "dlq group-by": (["reason"], exits.OK),
    "doctor": ([], exits.USAGE),
    "schema": (["job"], exits.OK),
    "env explain": (["--repo", "calc"], exits.OK),
    "prompts list": ([], exits.OK),
    "prompts show": (["propose"], exits.OK),
    "prompts lint": ([], exits.OK),
    "prompts diff": (["default", "default"], exits.OK),
    "prompts golden": ([], exits.OK),
    "prompts watch": (["--template-dir", "no-such-folder"], exits.USAGE),
}


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_each_command_is_known_to_read_or_to_write() -> None:
    names = [name for name, _ in each_command()]
    assert sorted(names) == sorted([*READS_STORE, *READS_OTHER, *WRITES])


@pytest.mark.parametrize("command", READS_STORE)
def test_a_command_that_needs_a_store_says_where_there_is_none(
    console: Console, command: str
) -> None:
    missing = console.folder / "no" / "data"
    message = console.refused("--data-dir", missing, *command.split(), *READS_STORE[command])
    assert message.startswith(f"there is no store at {missing}/store.sqlite: ")
    assert files_below(console.folder) == set()
    assert files_below(console.home) == set()


@pytest.mark.parametrize("command", READS_OTHER)
def test_a_command_that_reads_creates_nothing(
    console: Console, sample: Sample, aws: Aws, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", aws.make_queue().url)
    before = files_below(console.folder)
    missing = console.folder / "no" / "data"
    arguments, code = READS_OTHER[command]
    result = console.run("--data-dir", missing, *command.split(), *arguments)
    assert result.exit_code == code, result.output
    assert files_below(console.folder) == before
    assert files_below(console.home) == set()


@pytest.mark.parametrize("command", ["jobs list", "jobs show", "jobs stats", "queue stats"])
def test_reading_a_store_leaves_its_folder_as_it_was(
    console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", aws.make_queue().url)
    store = SqliteStore(console.data_dir / "store.sqlite")
    job_id = claim(store).run.job_id
    store.close()
    before = (console.data_dir / "store.sqlite").read_bytes()
    arguments = [job_id] if command == "jobs show" else []
    assert console.run(*command.split(), *arguments).exit_code == 0
    assert files_below(console.data_dir) == {"store.sqlite"}
    assert (console.data_dir / "store.sqlite").read_bytes() == before
