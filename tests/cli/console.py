"""The command line for a newcomer: an empty home, a new folder, no settings but the strategy."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from pipeline.github.local import local_issue_url
from pipeline.job import FixIssueJob
from tests.end_to_end.service import FILES, FIX, ISSUE
from tests.stand_ins.process_log import own_log

COMMAND = [sys.executable, "-c", "from cli.main import run; run()"]
ROOT = Path(__file__).parents[2]
_OURS = re.compile(
    r"CODING_AGENT_|GITHUB_|AWS_|ECS_|.*_API_(KEY|BASE)$|NO_COLOR$|FORCE_COLOR$|XDG_"
)


@dataclass
class Console:
    """``folder`` is the current one, ``home`` is beside it."""

    folder: Path
    home: Path

    @property
    def data_dir(self) -> Path:
        return self.home / ".local/share/coding-agent"

    def run(
        self, *arguments: str | Path, stdin: str | bytes | None = None, color: bool = False
    ) -> Result:
        """Run a command in this process. Raises exceptions that don't end a command cleanly."""
        with own_log():
            result = CliRunner().invoke(
                main,
                [str(argument) for argument in arguments],
                input=stdin,
                prog_name="coding-agent",
                color=color,
            )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def refused(
        self, *arguments: str | Path, code: int = 2, stdin: str | bytes | None = None
    ) -> str:
        """Return the one error message of a command that must end with ``code``."""
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == code, result.output
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        return line.removeprefix("Error: ")

    def json(self, *arguments: str | Path, code: int = 0) -> Any:
        (line,) = self.lines(*arguments, code=code)
        return line

    def lines(self, *arguments: str | Path, code: int = 0, stdin: str | None = None) -> list[Any]:
        """Return standard output, which must consist of JSON lines."""
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == code, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    def process(self, *arguments: str | Path, **more: Any) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            **more,
        )


def own_variables() -> set[str]:
    """Return the names of those environment variables that commands read.

    Others belong to libraries: litellm sets one when it is imported, and fails without it.
    """
    return {name for name in os.environ if _OURS.match(name)}


def new_console(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    for name in own_variables():
        monkeypatch.delenv(name)
    here = folder / "here"
    home = folder / "home"
    here.mkdir()
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    # One request a run: only the tests that unset it are about the default.
    monkeypatch.setenv("CODING_AGENT_STRATEGY", "single")
    monkeypatch.chdir(here)
    return Console(here, home)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    process = subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout.strip()


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@dataclass(frozen=True)
class Sample:
    """A small repository with a bug, the issue about it, and a model that knows the answer."""

    repo: Path
    issue: Path
    reply: Path

    @property
    def job(self) -> FixIssueJob:
        return FixIssueJob(issue_url=local_issue_url(self.repo, "\n".join(ISSUE)))

    @property
    def fix(self) -> list[str | Path]:
        return [
            "fix",
            "--repo",
            self.repo,
            "--issue-file",
            self.issue,
            "--model",
            f"scripted:{self.reply}",
        ]


def new_sample(folder: Path, reply: str = FIX) -> Sample:
    write(folder, {"bug.md": "# " + "\n\n".join(ISSUE), "reply.md": reply})
    repo = write(folder / "calc", FILES)
    git(repo, "init", "--quiet", "--initial-branch=main")
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message=first")
    return Sample(repo, folder / "bug.md", folder / "reply.md")
