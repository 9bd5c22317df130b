"""docs/adding-a-stage.md, followed to the letter in a copy of the packages."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.console import git, write

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/adding-a-stage.md").read_text()
COPIED = (
    "cli",
    "console",
    "pipeline",
    "prompts",
    "repository",
    "sandbox",
    "stages",
    "tests/stand_ins",
)
#: Input of the page's last command: a repository without tests, an issue, a model's reply.
SAMPLE = {
    "calc/calc.py": "a = 1\n",
    "bug.md": "# a is wrong\n\nIt must be 2.\n",
    "reply.md": "calc.py\n<<<<<<< SEARCH\na = 1\n=======\na = 2\nb = 3\n>>>>>>> REPLACE\n",
}


def block(language: str, index: int = 0) -> str:
    """Return the page's code block in a language."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(blocks[index])


def command(start: str) -> list[str]:
    """Return the words of the page's command that begins with ``start``."""
    (line,) = [line.strip() for line in PAGE.splitlines() if line.startswith(f"    {start}")]
    return line.split()


def run(words: list[str], folder: Path, **environment: str) -> str:
    """Run a command of this Python environment and return its standard output."""
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        words,
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with what steps 1 to 3 of the page add and change."""
    folder = tmp_path_factory.mktemp("checkout")
    for package in COPIED:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    assert "**stages/count_lines.py**" in PAGE
    assert "**tests/stages/test_count_lines.py**" in PAGE
    write(
        folder,
        {
            "stages/count_lines.py": block("python", 0),
            "tests/stages/test_count_lines.py": block("python", 1),
            "order.diff": block("diff"),
        },
    )
    run(["git", "apply", "--recount", "order.diff"], folder)
    return folder


@pytest.mark.slow
def test_the_stage_and_its_test_pass_the_checks(checkout: Path) -> None:
    run([*command("ruff check"), "--no-cache"], checkout)
    assert "1 passed" in run([*command("pytest"), "-p", "no:cacheprovider"], checkout)


def test_the_stage_runs_in_its_place_and_is_checkpointed(checkout: Path, tmp_path: Path) -> None:
    write(tmp_path, SAMPLE)
    git(tmp_path / "calc", "init", "--quiet", "--initial-branch=main")
    git(tmp_path / "calc", "add", "--all")
    git(tmp_path / "calc", "commit", "--quiet", "--message=first")
    _, *arguments = command("coding-agent fix")
    coding_agent = [sys.executable, "-c", "from cli.main import run; run()"]
    environment = {"PYTHONPATH": str(checkout), "CODING_AGENT_SANDBOX": "none"}
    event = json.loads(run([*coding_agent, *arguments, "--json"], tmp_path, **environment))
    job_id = event["data"]["job_id"]
    report = run([*coding_agent, "jobs", "show", job_id, "--json"], tmp_path, **environment)
    stages = [checkpoint["stage"] for checkpoint in json.loads(report)["stages"]]
    after_apply = stages[stages.index("apply_patch") + 1 :]
    assert after_apply == ["count_lines", "run_tests"]
