"""What the pull request says of tests: which are new, which changed, and how to run them."""

import pytest

from pipeline.outcome import Verification
from repository.testing.models import Suite
from stages.run_tests import Verdict
from tests.stages.open_pr.scenario import REPOSITORY, SUITE, VERDICT, Scenario
from tests.stand_ins.runs import claim

TEST = b"def test_x():\n    assert x == 1\n"
MORE = TEST + b"\n\ndef test_y():\n    assert x == 2\n"


@pytest.fixture
def tested(scenario: Scenario) -> Scenario:
    """Return a repository with a test file."""
    scenario.github.commit(REPOSITORY, {"test_a.py": TEST.decode()}, branch="main")
    return scenario


async def body_of(scenario: Scenario) -> str:
    await scenario.open(claim(scenario.store))
    return scenario.pulls[0].issue.body or ""


def proven_by(*fixed: str, new: tuple[str, ...] = (), **more: object) -> Verdict:
    return VERDICT.model_copy(update={"fixed": fixed, "fixed_new": new, **more})


async def test_a_proving_test_that_the_pull_request_adds_is_called_new(tested: Scenario) -> None:
    tested.change["test_b.py"] = b"def test_z():\n    assert x == 2\n"
    tested.verdict = proven_by("test_b::test_z", new=("test_b::test_z",))
    body = await body_of(tested)
    assert "pass with it, new in this pull request:\n\n- `test_b::test_z`\n" in body
    assert "already in the repository" not in body
    assert "No existing test is changed.\n" in body


async def test_a_proving_test_of_the_repository_is_called_so(tested: Scenario) -> None:
    tested.verdict = proven_by("test_a::test_x")
    body = await body_of(tested)
    assert "pass with it, already in the repository:\n\n- `test_a::test_x`\n" in body
    assert "new in this pull request" not in body


async def test_a_proof_outside_of_the_pull_request_is_called_so(tested: Scenario) -> None:
    tested.verdict = proven_by("reproduction::test_r", proven_outside=True)
    body = await body_of(tested)
    assert "made from the issue and not part of this pull request:" in body
    assert "```" not in body


async def test_added_lines_of_an_existing_test_file_leave_its_tests_unchanged(
    tested: Scenario,
) -> None:
    tested.change["test_a.py"] = MORE
    body = await body_of(tested)
    assert "Existing tests are unchanged; only lines are added to:\n\n- `test_a.py`\n" in body


@pytest.mark.parametrize("text", [TEST.replace(b"1", b"2"), None])
async def test_changed_and_removed_tests_are_named(tested: Scenario, text: bytes | None) -> None:
    tested.change["test_a.py"] = text  # type: ignore[assignment]
    body = await body_of(tested)
    assert "Changes or removes lines of existing test files:\n\n- `test_a.py`\n" in body


async def test_the_command_runs_the_proving_tests(tested: Scenario) -> None:
    tested.change["test_a.py"] = MORE
    tested.verdict = proven_by("test_a::test_y", new=("test_a::test_y",))
    body = await body_of(tested)
    assert "yourself (here with Python 3.13 and pytest):\n\n```\n" in body
    assert "```\npython -m pytest test_a.py::test_y\n```\n" in body


@pytest.mark.parametrize("name", ["test_y[[skip ci]]", "test_y[@octocat]", "test_y[```\n/lgtm]"])
async def test_a_test_whose_name_does_something_is_run_by_its_file(
    tested: Scenario, name: str
) -> None:
    tested.verdict = proven_by(f"test_a::{name}")
    assert "```\npython -m pytest test_a.py\n```\n" in await body_of(tested)


async def test_a_suite_that_can_not_run_gives_no_command(tested: Scenario) -> None:
    tested.suite = Suite.model_validate(SUITE.model_dump() | {"runnable": False, "recipe": None})
    tested.verdict = VERDICT.model_copy(
        update={"verification": Verification.NOT_VERIFIED, "fixed": (), "fixed_new": (), "ran": 0}
    )
    assert "```" not in await body_of(tested)
