"""``coding-agent env``: how a repository's tests are run, told from its files alone."""

from pathlib import Path

import pytest

from sandbox import NoIsolation
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy
from tests.cli.console import Console
from tests.stages.workbench import SAMPLE, Origin


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    Origin(tmp_path, SAMPLE | {"tox.ini": "[testenv]\ncommands = python -m unittest\n"})
    return tmp_path / "origin"


def test_explain_says_the_runner_and_the_evidence(console: Console, repository: Path) -> None:
    result = console.run("env", "explain", "--repo", repository)
    assert result.exit_code == 0
    told = {line[:16].strip(): line[16:].strip() for line in result.stdout.splitlines()}
    assert (told["runnable"], told["runner"]) == ("yes", "unittest")
    assert "python -m unittest" in told["automation"]
    assert console.json("env", "explain", "--repo", repository, "--json")["runner"] == "unittest"


def test_what_cannot_be_tested_says_why_and_ends_with_3(console: Console, tmp_path: Path) -> None:
    Origin(tmp_path, {".coding-agent.toml": "[tests]\nrunners = 'pytest'\n"})
    told = console.json("env", "explain", "--repo", tmp_path / "origin", "--json", code=3)
    assert (
        not told["runnable"]
        and "[tests] runners" in told["why"]
        and "known: runner, command" in told["why"]
    )


def test_a_built_environment_comes_with_its_log(console: Console, repository: Path) -> None:
    try:
        BwrapSandbox(IndexProxy.configured({}))
    except NoIsolation as error:
        pytest.skip(str(error))
    assert console.json("env", "explain", "--repo", repository, "--build", "--json")["log"] == ""


@pytest.mark.parametrize(
    ("commit", "told"), [("HEAD", "is not a git repository"), ("nowhere", "no commit 'nowhere'")]
)
def test_what_is_no_repository_or_commit_is_refused(
    commit: str, told: str, console: Console, repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "plain").mkdir()
    where = tmp_path / "plain" if commit == "HEAD" else repository
    assert told in console.refused("env", "explain", "--repo", where, "--commit", commit)
