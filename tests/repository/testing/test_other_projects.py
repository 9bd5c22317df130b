"""Which changed files need other tests than those of the prepared suite."""

import sys
from pathlib import Path

import pytest

from repository.languages import Language
from repository.testing.models import Suite
from repository.testing.other_projects import Part, changed_languages, find_part
from repository.testing.plan import BaseCommit, TestPlan, plan_tests
from tests.stages.workbench import SAMPLE, Origin

PACKAGE = '{"name": "%s", "scripts": {"test": "node --test"}, "dependencies": {"a": "1"}}'
JS_TEST = "require('node:test')('x')"
FRONTEND = {
    **SAMPLE,
    "frontend/package.json": PACKAGE % "front",
    "frontend/a.js": "",
    "frontend/a.test.js": JS_TEST,
}
EXAMPLES = {
    "package.json": PACKAGE % "shop",
    "a.test.js": JS_TEST,
    "examples/x/package.json": PACKAGE % "x",
    "examples/x/x.test.js": JS_TEST,
    "tools/package.json": PACKAGE % "tools",
    "tools/t.test.js": JS_TEST,
}


class Planner:
    """Plans a repository's tests, and finds the parts of a change that need others."""

    def __init__(self, files: dict[str, str], folder: Path):
        self._origin = Origin(folder, files)

    def plan(self, ranking: tuple[str, ...], language: Language | None = None) -> TestPlan:
        commit = BaseCommit("octo/calc", self._origin.sha, 1_720_000_000, None)
        pythons = [Path(sys.executable).resolve().parent]
        return plan_tests(self._origin.mirror, commit, pythons, ranking, language)

    def parts(self, *paths: str) -> list[Part]:
        recipe = self.plan(("calc.py",)).recipe
        assert recipe is not None
        suite = Suite(
            runnable=True,
            reason="",
            runner=recipe.runner,
            python=None,
            tests=(),
            whole=True,
            base=None,
            log_key=None,
            recipe=recipe,
        )
        changes = dict.fromkeys(paths, b"")
        found = []
        for language, own in changed_languages(changes, suite).items():
            plan = self.plan(tuple(own), language)
            found.append(find_part(language, own, plan, changes, suite))
        return [part for part in found if part is not None]


def test_a_change_in_another_language_needs_its_tests(tmp_path: Path) -> None:
    planner = Planner(FRONTEND, tmp_path)
    assert planner.parts("calc.py", "test_calc.py", "README.md") == []
    (part,) = planner.parts("calc.py", "frontend/a.js")
    assert (part.name, part.paths, part.obstacle) == ("JavaScript", ("frontend/a.js",), "")
    assert part.plan.recipe is not None
    assert part.plan.recipe.runner == "node:test"
    assert part.plan.recipe.folders == ("frontend",)


def test_patterns_that_the_repository_sets_are_of_one_languages_tests(tmp_path: Path) -> None:
    config = '[tests]\nfiles = ["checks/*.py", "*.check.js"]\n'
    files = {".coding-agent.toml": config, "checks/a.py": "", "frontend/a.check.js": JS_TEST}
    (part,) = Planner({**FRONTEND, **files}, tmp_path).parts("frontend/a.js")
    assert part.plan.recipe is not None
    assert part.plan.recipe.patterns == ("*.check.js",)


@pytest.mark.parametrize(
    ("files", "path", "obstacle"),
    [
        (dict(SAMPLE), "static/a.js", "no file shows a project in JavaScript"),
        (FRONTEND, "static/a.js", "they are in no project with tests in JavaScript"),
        ({**SAMPLE, "go.mod": ""}, "main.go", "the repository has no tests in Go"),
    ],
)
def test_where_a_language_has_no_tests_the_reason_is_named(
    files: dict[str, str], path: str, obstacle: str, tmp_path: Path
) -> None:
    (part,) = Planner(files, tmp_path).parts(path)
    assert part.obstacle == obstacle


def test_data_of_tests_is_no_part_of_its_own(tmp_path: Path) -> None:
    assert Planner(dict(SAMPLE), tmp_path).parts("tests/data/a.js") == []


def test_an_example_is_tested_by_itself_if_the_change_is_in_it(tmp_path: Path) -> None:
    planner = Planner(EXAMPLES, tmp_path)
    assert planner.parts("a.js", "tools/t.js") == []
    (part,) = planner.parts("examples/x/x.js", "a.js")
    assert (part.name, part.paths) == ("JavaScript in examples/x", ("examples/x/x.js",))
    recipe = part.plan.recipe
    assert recipe is not None
    assert recipe.folders == ("examples/x",)
    assert [step.folder for step in recipe.steps] == ["", "examples/x"]
    assert part.plan.detection.tests.paths == ("examples/x/x.test.js",)


def test_parts_have_the_same_suite_only_if_all_of_their_projects_are_the_same(
    tmp_path: Path,
) -> None:
    projects: dict[str, str] = {}
    for name in ("a", "b", "c", "d", "e"):
        projects[f"examples/{name}/package.json"] = PACKAGE % name
        projects[f"examples/{name}/x.test.js"] = JS_TEST
    planner = Planner({**EXAMPLES, **projects}, tmp_path)
    (one,) = planner.parts(*(f"examples/{name}/x.js" for name in "abcd"))
    (other,) = planner.parts(*(f"examples/{name}/x.js" for name in "abce"))
    (again,) = planner.parts(*(f"examples/{name}/y.js" for name in "abcd"))
    assert one.name == other.name
    assert one.suite_key != other.suite_key
    assert one.suite_key == again.suite_key
