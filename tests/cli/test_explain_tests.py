"""``coding-agent env``: how a repository's tests are run, explained from its files alone."""

from pathlib import Path

import pytest

from sandbox import NoIsolation
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy
from tests.cli.console import Console
from tests.stages.workbench import SAMPLE, Origin


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    Origin(tmp_path, {**SAMPLE, "tox.ini": "[testenv]\ncommands = python -m unittest\n"})
    return tmp_path / "origin"


def test_explain_names_the_runner_and_the_evidence(console: Console, repository: Path) -> None:
    result = console.run("env", "explain", "--repo", repository)
    assert result.exit_code == 0
    fields = {line[:16].strip(): line[16:].strip() for line in result.stdout.splitlines()}
    assert fields["runnable"] == "yes"
    assert fields["runner"] == "unittest"
    assert "python -m unittest" in fields["automation"]
    assert fields["evidence"].startswith("runner unittest: ")
    assert console.json("env", "explain", "--repo", repository, "--json")["runner"] == "unittest"


def test_repository_that_cannot_be_tested_exits_with_3_and_the_reason(
    console: Console, tmp_path: Path
) -> None:
    Origin(tmp_path, {".coding-agent.toml": "[tests]\nrunners = 'pytest'\n"})
    fields = console.json("env", "explain", "--repo", tmp_path / "origin", "--json", code=3)
    assert not fields["runnable"]
    assert "[tests] runners" in fields["why"]
    assert "known: runner, command" in fields["why"]


def test_building_prints_the_log(console: Console, repository: Path) -> None:
    try:
        BwrapSandbox(IndexProxy.configured({}))
    except NoIsolation as error:
        pytest.skip(str(error))
    assert console.json("env", "explain", "--repo", repository, "--build", "--json")["log"] == ""


def test_folder_without_git_is_refused(console: Console, tmp_path: Path) -> None:
    message = console.refused("env", "explain", "--repo", tmp_path)
    assert "is not a git repository" in message


def test_unknown_commit_is_refused(console: Console, repository: Path) -> None:
    message = console.refused("env", "explain", "--repo", repository, "--commit", "nowhere")
    assert "no commit 'nowhere'" in message
