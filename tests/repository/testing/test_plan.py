"""How a commit's tests are run on one machine."""

from pathlib import Path

import pytest

from repository.testing.plan import BaseCommit, TestPlan, plan_tests
from tests.stages.workbench import SAMPLE, Origin

JULY_2024 = 1_720_000_000


@pytest.fixture
def pythons(tmp_path: Path) -> Path:
    """A folder with interpreters that are never run."""
    folder = tmp_path / "pythons"
    folder.mkdir()
    for minor in (9, 11):
        (folder / f"python3.{minor}").touch()
    return folder


def plan_for(files: dict[str, str], tmp_path: Path, pythons: Path) -> TestPlan:
    origin = Origin(tmp_path, files)
    commit = BaseCommit(
        repository="octo/calc",
        sha=origin.sha,
        committed_at=JULY_2024,
        described="v1.2-3-gabcdef0",
    )
    return plan_tests(origin.mirror, commit, [pythons])


def test_plan_has_a_recipe_for_the_newest_interpreter(tmp_path: Path, pythons: Path) -> None:
    files = {**SAMPLE, "setup.py": "setup(name='calc')", "requirements-test.txt": "mock\n"}
    recipe = plan_for(files, tmp_path, pythons).recipe
    assert recipe is not None
    assert recipe.runner == "unittest"
    assert recipe.python == "3.11"
    assert recipe.packaged
    assert recipe.name == "calc"
    assert recipe.version == "1.3.dev3+gabcdef0"
    assert recipe.requirements == ("mock",)


def test_without_a_fitting_interpreter_those_of_this_machine_are_named(
    tmp_path: Path, pythons: Path
) -> None:
    old = {**SAMPLE, "setup.cfg": "[options]\npython_requires = >=2.7,<3\n"}
    plan = plan_for(old, tmp_path, pythons)
    assert plan.recipe is None
    assert plan.reason.startswith("no interpreter here fits the repository's '>=2.7,<3'; python")
    assert plan.reason.endswith(": 3.9, 3.11")


def test_without_any_interpreter_the_setting_is_named(tmp_path: Path) -> None:
    reason = plan_for(dict(SAMPLE), tmp_path, tmp_path / "nowhere").reason
    assert reason == "no Python 3 was found; CODING_AGENT_PYTHONS names the folders to look in"


@pytest.mark.parametrize(
    "files",
    [
        {"setup.cfg": "[options]\npython_requires = <3.10\n"},
        {"setup.py": "# Programming Language :: Python :: 3.9\n"},
        {".github/workflows/ci.yml": "python-version: ['3.8', '3.9']\n"},
        {".coding-agent.toml": "[tests]\npython = '3.9'\n", ".python-version": "3.11"},
        {".python-version": "3.9.7\n", "setup.cfg": "[options]\npython_requires = >=3.8\n"},
        {"Dockerfile": "FROM python:3.9-slim\n"},
    ],
)
def test_interpreter_meets_the_repositorys_requirement(
    files: dict[str, str], tmp_path: Path, pythons: Path
) -> None:
    recipe = plan_for({**SAMPLE, **files}, tmp_path, pythons).recipe
    assert recipe is not None
    assert recipe.python == "3.9"


@pytest.mark.parametrize(
    "files",
    [
        {"setup.cfg": "\ufeff[options]\npython_requires = <3.10\n"},
        {"tox.ini": "\ufeff[testenv]\ndeps = mock\n", "setup.py": "\ufeff# Python :: 3.9\n"},
        {"pyproject.toml": "\ufeff[project]\nname = 'a'\nrequires-python = '<3.10'\n"},
        {".coding-agent.toml": "\ufeff[tests]\npython = '3.9'\n"},
    ],
)
def test_a_byte_order_mark_of_an_editor_is_not_part_of_a_file(
    files: dict[str, str], tmp_path: Path, pythons: Path
) -> None:
    recipe = plan_for({**SAMPLE, **files}, tmp_path, pythons).recipe
    assert recipe is not None
    assert recipe.python == "3.9" or recipe.requirements == ("mock",)


@pytest.mark.parametrize(
    ("files", "python", "source"),
    [
        ({".python-version": "3.9\n"}, "3.9", ".python-version:1"),
        ({".python-version": "3.8\n"}, "3.9", "nearest to 3.8, which .python-version:1 pins"),
        ({}, "3.11", "the newest"),
    ],
)
def test_plan_says_why_an_interpreter_was_chosen(
    files: dict[str, str], python: str, source: str, tmp_path: Path, pythons: Path
) -> None:
    plan = plan_for({**SAMPLE, **files}, tmp_path, pythons)
    assert plan.recipe is not None
    assert plan.recipe.python == python
    assert source in plan.python_source


def test_missing_interpreter_is_the_reason_for_no_recipe(tmp_path: Path, pythons: Path) -> None:
    files = {**SAMPLE, "setup.cfg": "[options]\npython_requires = >=3.13\n"}
    plan = plan_for(files, tmp_path, pythons)
    assert plan.recipe is None
    assert ">=3.13" in plan.reason


def test_repository_without_any_code_has_no_recipe(tmp_path: Path, pythons: Path) -> None:
    plan = plan_for({"README.md": ""}, tmp_path, pythons)
    assert plan.recipe is None
    assert "no test files" in plan.reason


def test_tests_of_another_language_need_no_python(tmp_path: Path, pythons: Path) -> None:
    files = {"go.mod": "module calc\n", "calc_test.go": "func TestAdd(t *testing.T) {}\n"}
    recipe = plan_for(files, tmp_path, pythons).recipe
    assert recipe is not None
    assert recipe.runner == "go"
    assert recipe.python == ""
    assert recipe.tools == ("go",)
    assert [step.network for step in recipe.steps] == [True, False]
