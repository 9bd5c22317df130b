"""A repository's own word on contributions that a model made, obeyed before a model is paid."""

from pathlib import Path

import pytest

from pipeline.job import FixIssueJob
from pipeline.outcome import Outcome
from pipeline.stage import Stop
from stages.checkout import Checkout
from tests.stages.test_checkout import Remote, issue, machine
from tests.stand_ins.runs import StageRun, job

CODE = {"a.py": "x = 1\n"}
BAN = "# Contributing\n\nWe do not accept AI-generated pull requests.\n"


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path / "remote.git")


async def check_out(
    tmp_path: Path, remote: Remote, requested: FixIssueJob | None = None
) -> Checkout | Stop:
    run = StageRun(tmp_path, requested)
    return await machine(tmp_path).run(issue(remote), run.context())


async def test_a_ban_ends_the_run_with_the_sentence(tmp_path: Path, remote: Remote) -> None:
    remote.commit("main", {**CODE, "CONTRIBUTING.md": BAN})
    result = await check_out(tmp_path, remote)
    assert isinstance(result, Stop) and result.outcome is Outcome.REJECTED
    assert result.reason == (
        "octo/repo does not accept such contributions: “We do not accept AI-generated pull"
        " requests.” (CONTRIBUTING.md, line 3); its maintainers can invite this service with"
        " enabled = true in .coding-agent.toml on the default branch"
    )


async def test_the_default_branch_decides_whichever_branch_the_job_names(
    tmp_path: Path, remote: Remote
) -> None:
    remote.commit("main", {**CODE, "CONTRIBUTING.md": BAN})
    remote.commit("next", CODE)
    result = await check_out(tmp_path, remote, job(base_branch="next"))
    assert isinstance(result, Stop) and "does not accept" in result.reason


async def test_an_invitation_outweighs_what_is_said_about_all(
    tmp_path: Path, remote: Remote
) -> None:
    invited = {"CONTRIBUTING.md": BAN, ".coding-agent.toml": "enabled = true\n"}
    remote.commit("main", {**CODE, **invited})
    assert isinstance(await check_out(tmp_path, remote), Checkout)


async def test_a_repository_can_say_no_to_this_service_alone(
    tmp_path: Path, remote: Remote
) -> None:
    remote.commit("main", {**CODE, ".coding-agent.toml": "enabled = false\n"})
    result = await check_out(tmp_path, remote)
    assert isinstance(result, Stop) and result.outcome is Outcome.REJECTED
    assert result.reason == (
        "octo/repo does not want this service: its .coding-agent.toml says enabled = false"
    )


@pytest.mark.parametrize(
    "config", ["enabled = ", 'enabled = "false"\n', "[edits]\nenabled = false\n"]
)
async def test_a_word_on_this_service_that_cannot_be_read_may_be_a_no(
    tmp_path: Path, remote: Remote, config: str
) -> None:
    remote.commit("main", {**CODE, ".coding-agent.toml": config})
    result = await check_out(tmp_path, remote)
    assert isinstance(result, Stop) and result.outcome is Outcome.REJECTED
    assert result.reason.startswith("octo/repo may not want this service: .coding-agent.toml")
    assert "write enabled = true or enabled = false before the first table" in result.reason


async def test_a_broken_file_that_says_nothing_of_this_service_stops_nothing(
    tmp_path: Path, remote: Remote
) -> None:
    remote.commit("main", {**CODE, ".coding-agent.toml": "[edits\n"})
    assert isinstance(await check_out(tmp_path, remote), Checkout)


async def test_conditions_are_handed_on(tmp_path: Path, remote: Remote) -> None:
    text = "AI tools are welcome. Their use must be disclosed.\n"
    remote.commit("main", {**CODE, "CONTRIBUTING.md": text})
    result = await check_out(tmp_path, remote)
    assert isinstance(result, Checkout)
    assert result.conditions == ("“Their use must be disclosed.” (CONTRIBUTING.md, line 1)",)


async def test_a_dry_run_sends_nothing_that_could_be_unwelcome(
    tmp_path: Path, remote: Remote
) -> None:
    remote.commit("main", {**CODE, "CONTRIBUTING.md": BAN})
    dry = job(options={"dry_run": True})
    assert isinstance(await check_out(tmp_path, remote, dry), Checkout)
