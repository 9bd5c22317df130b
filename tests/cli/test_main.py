"""What every command has in common: options with help, quick imports, exit codes, colours,
interruption.
"""

import ast
import errno
import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cli import exits
from cli.failures import explain_failure
from pipeline.outcome import Outcome
from tests.cli.commands import each_group_or_command
from tests.cli.console import ROOT, Console
from tests.cli.terminal import run_on_terminal

HEAVY = {"litellm", "boto3", "botocore", "aioboto3", "fastapi", "github", "rich", "sqlite_utils"}


COMMANDS_BY_NAME = dict(each_group_or_command())


@pytest.mark.parametrize("name", COMMANDS_BY_NAME)
def test_every_option_says_what_it_does(name: str) -> None:
    options = [item for item in COMMANDS_BY_NAME[name].params if isinstance(item, click.Option)]
    assert [option.name for option in options if not option.help] == []


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import json, sys\nfrom click.testing import CliRunner\nfrom cli.main import COMMANDS,"
        " main\nfor path in [[], *([name] for name in COMMANDS)]:\n    assert"
        " CliRunner().invoke(main, [*path, '--help']).exit_code == 0,"
        " path\nprint(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    process = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(json.loads(process.stdout)) & HEAVY == set()


def test_no_module_imports_a_heavy_library_at_its_top() -> None:
    heavy = HEAVY - {"sqlite_utils"}
    imports = []
    for package in ("cli", "stages", "pipeline", "repository", "prompts", "sandbox"):
        for file in sorted((ROOT / package).rglob("*.py")):
            name = str(file.relative_to(ROOT))
            # The intake is built on FastAPI, and only the running service imports it.
            allowed = {"fastapi"} if name.startswith("pipeline/api/") else set()
            if name == "pipeline/github/client.py":  # imported where a client is made
                allowed = {"github"}
            for library in _imported_at_top(file) & heavy - allowed:
                imports.append(f"{name}: {library}")
    assert imports == []


def _imported_at_top(file: Path) -> set[str]:
    names = []
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return {name.partition(".")[0] for name in names}


def test_a_full_disk_is_a_message() -> None:
    program = [sys.executable, "-c", "from cli.main import run; run()", "schema", "job"]
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            program, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (process.returncode, process.stderr) == (
        exits.ERROR,
        "Error: a file can't be written: No space left on device\n",
    )


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (sqlite3.DatabaseError("it is malformed"), "the store can't be read: it is malformed"),
        (sqlite3.OperationalError("it is locked"), "the store can't be read: it is locked"),
        (sqlite3.ProgrammingError("a defect"), None),
        (FileNotFoundError(errno.ENOENT, "No such file"), None),
        (ValueError("a defect"), None),
    ],
)
def test_only_failures_of_the_machine_are_explained(error: Exception, message: str | None) -> None:
    assert explain_failure(error) == message


def test_every_outcome_has_its_exit_code() -> None:
    assert {outcome.value: exits.of(outcome) for outcome in Outcome} == {
        "pr_opened": 0,
        "pr_updated": 0,
        "proposed": 0,
        "no_change_needed": 0,
        "no_fix": 3,
        "needs_info": 3,
        "rejected": 3,
        "budget_exhausted": 3,
        "cancelled": 3,
        "failed": 4,
    }


def test_the_readme_and_the_help_name_every_exit_code(console: Console) -> None:
    codes = {value for name, value in vars(exits).items() if name.isupper()}
    table = re.findall(r"^\| (\d+) \| (.+) \|$", (ROOT / "README.md").read_text(), re.M)
    assert {int(code) for code, _ in table} == codes
    for outcome in Outcome:
        assert f"`{outcome}`" in dict(table)[str(exits.of(outcome))]
    payload = console.run("--help").stdout.partition("Exit codes:")[2].partition("Options:")[0]
    assert {int(number) for number in re.findall(r"\d+", payload)} == codes


def test_an_unknown_command_is_a_usage_error(console: Console) -> None:
    assert console.refused("mend") == "No such command 'mend'."
    assert console.refused("job") == "No such command 'job'. Did you mean 'jobs'?"
    assert "Did you mean 'show'?" in console.refused("jobs", "shwo", "x")


@pytest.mark.parametrize(("no_color", "coloured"), [("1", False), ("", True)])
def test_no_color_is_respected_on_a_terminal(
    console: Console, no_color: str, coloured: bool
) -> None:
    code, printed = run_on_terminal(console.folder, "doctor", NO_COLOR=no_color)
    assert code == exits.USAGE
    assert "✓ git" in re.sub(r"\x1b\[[0-9;]*m", "", printed)
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]m", printed)) is coloured


def test_an_interrupted_command_says_so(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.jobs.opening.settings", interrupted)
    result = console.run("jobs", "list")
    assert result.exit_code == exits.INTERRUPTED
    assert result.stderr == "interrupted\n"


def test_a_store_that_cannot_be_opened_is_reported(
    console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a database, and not a folder")
    path = tmp_path / "file"
    monkeypatch.setenv("CODING_AGENT_STORE", f"sqlite:///{path}")
    message = console.refused("jobs", "list")
    assert message.startswith(f"CODING_AGENT_STORE: {path}")
    assert "can't be opened" in message


def test_an_env_file_that_is_not_text_is_reported(console: Console) -> None:
    (console.folder / "x.env").write_bytes(b"A=\xff\xfe")
    assert console.refused("--env-file", "x.env", "jobs", "list").startswith(
        "x.env can't be read: "
    )
