"""Every decision names the file and line from which it came."""

import pytest

from repository.testing.detect.detection import detect
from repository.testing.detect.requirements import Source
from repository.testing.evidence import explain, locate
from repository.testing.models import Recipe
from repository.testing.plan import TestPlan
from tests.repository.testing.detect.trees import CASE, tree_of

PYPROJECT = """\
[project]
name = "shop"
requires-python = ">=3.9"
dependencies = [
    "attrs>=20",
    "lxml",
]

[dependency-groups]
test = ["pytest", "mock"]

[tool.pytest.ini_options]
addopts = "-q"

[build-system]
build-backend = "flit_core.buildapi"
"""
CONFIG = "[tests]\npython = '3.11'\nenvironment = { LANG = 'C' }\nrequirements = ['six==1']\n"
CI = "jobs:\n  test:\n    steps:\n      - run: pip install -e .[fast]\n"


def explained(files: dict[str, str], pinned: str = "the newest") -> list[str]:
    tree = tree_of({"test_a.py": "import yaml\n" + CASE, **files})
    detection = detect(tree)
    draft = detection.draft
    fields: dict[str, object] = {
        "repository": "shop",
        "base_sha": "0" * 40,
        "committed_at": 0,
        "version": None,
        "runner": draft.runners[0],
        "python": "3.11",
        "packaged": draft.package.is_installable,
        "name": draft.package.name,
        "extras": draft.needs.extras,
        "requirements": draft.needs.requirements,
        "dependencies": draft.needs.dependencies,
        "modules": dict(draft.needs.modules),
        "environment": dict(draft.environment),
        "source_root": "",
        "patterns": draft.patterns,
    }
    plan = TestPlan(Recipe.model_validate(fields), detection.reason, detection, tree, pinned)
    return [str(item) for item in explain(plan)]


def test_decisions_name_the_file_and_the_line() -> None:
    evidence = explained(
        {"pyproject.toml": PYPROJECT, ".coding-agent.toml": CONFIG, ".github/workflows/ci.yml": CI}
    )
    assert evidence == [
        "runner pytest: pyproject.toml:12 (pytest is configured)",
        "variable LANG: .coding-agent.toml:3",
        "python 3.11: .coding-agent.toml:2 [tests] python",
        "python allowed >=3.9: pyproject.toml:3 [project] requires-python",
        "package shop is installed: pyproject.toml:16 [build-system] build-backend",
        "extra fast: .github/workflows/ci.yml:4",
        "requirement six==1: .coding-agent.toml:4 [tests] requirements",
        "requirement pytest: pyproject.toml:10 [dependency-groups] test",
        "requirement mock: pyproject.toml:10 [dependency-groups] test",
        "dependency attrs>=20: pyproject.toml:5 [project] dependencies",
        "dependency lxml: pyproject.toml:6 [project] dependencies",
        "pyyaml if missing, since yaml is imported: no file names it",
    ]


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        ("requirements-test.txt", "# tools\n-r other.txt\nmock==1\n", 3),
        ("tox.ini", "[tox]\nenvlist = py39\n[testenv]\ndeps =\n    py39: x\n    mock==1\n", 6),
        ("setup.py", "setup(\n  name='a',\n  tests_require=[\n    'mock==1',\n  ],\n)\n", 4),
        (
            "setup.cfg",
            "[options]\ninstall_requires =\n   mock==1\ntests_require =\n   mock==1\n",
            5,
        ),
        ("Pipfile", "[packages]\nmock = '*'\n[dev-packages]\nmock = '==1'\n", 4),
        (
            "noxfile.py",
            "@nox.session\ndef tests(session):\n    session.install(\n        'mock==1')\n",
            3,
        ),
    ],
)
def test_requirement_names_its_line(path: str, text: str, line: int) -> None:
    assert any(
        item.startswith(f"requirement mock==1: {path}:{line}") for item in explained({path: text})
    )


def test_pinned_interpreter_names_its_line() -> None:
    evidence = explained({"Dockerfile": "FROM python:3.11\n"}, pinned="Dockerfile:1")
    assert "python 3.11: Dockerfile:1" in evidence


def test_place_without_a_match_is_named_without_a_line() -> None:
    tree = tree_of({"a.toml": "[x]\ny = 1\n"})
    assert locate(tree, Source("a.toml", "[z] y"), "gone") == Source("a.toml", "[z] y")
    assert locate(tree, Source("a.toml", "[x] y"), "gone").line == 2


def test_other_languages_with_tests_are_named() -> None:
    crate = {"core/Cargo.toml": "[package]", "core/src/lib.rs": "#[test]\nfn a() {}"}
    lines = explained({"pyproject.toml": PYPROJECT, **crate})
    assert "Rust is tested only with a change to it: 1 file with tests" in lines
