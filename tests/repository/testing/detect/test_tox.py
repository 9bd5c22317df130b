"""The environment of tox that the tests run in."""

import pytest

from repository.testing.detect.factors import condition_marker, expand_names
from repository.testing.detect.tox import choose_environment, read_tox
from tests.repository.testing.detect.trees import tree_of

MATRIX = """\
[tox]
envlist = py{36,310}-{lowest,latest}, docs, lint
[base]
deps = attrs
[testenv]
deps =
    {[base]deps}
    pytest  # the runner
    lowest: numpy==1.16
    latest: numpy
    py27,py36: mock
    !py310: six; os_name == 'nt'
    docs: sphinx
    -r requirements.txt
extras = test
"""


def test_lines_of_factors_count_only_in_the_usual_environment() -> None:
    environment = read_tox(tree_of({"tox.ini": MATRIX}))
    assert environment.name == "py310-latest"
    assert environment.dependencies == (
        "pytest",
        "numpy",
        "mock; python_version == '3.6'",
        "six; (os_name == 'nt') and (python_version != '3.10')",
        "-r requirements.txt",
        "attrs",
    )
    assert environment.extras == ("test",)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tox.ini", "[tox]\nenvlist = lint, unit\n[testenv:unit]\ndeps = mock\n"),
        ("tox.ini", "[testenv:{tests,cov}]\ndeps = mock\n[testenv:docs]\ndeps = sphinx\n"),
        ("tox.toml", "env_list = ['3.11', 'docs']\n[env_run_base]\ndeps = ['mock']\n"),
        ("pyproject.toml", "[tool.tox]\nlegacy_tox_ini = '''\n[testenv]\ndeps = mock\n'''\n"),
        ("pyproject.toml", "[tool.tox.env.test]\ndeps = ['mock']\n[tool.tox.env.docs]\n"),
    ],
)
def test_every_form_of_the_configuration_is_read(path: str, text: str) -> None:
    assert read_tox(tree_of({path: text})).dependencies == ("mock",)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ("py38, py39", "py39"),
        ("py39-django{22,42,main}, py39-django42-lowest", "py39-djangomain"),
        ("py310-min, py310, pypy39, docs", "py310"),
        ("lint, docs", ""),
        ("flake8, tests", "tests"),
    ],
)
def test_environment_with_the_fewest_other_factors_is_chosen(names: str, chosen: str) -> None:
    assert choose_environment(expand_names(names)) == chosen


def test_braces_and_ranges_are_expanded_within_bounds() -> None:
    assert expand_names("py3{9-11}-{a,b}") == [
        "py39-a",
        "py39-b",
        "py310-a",
        "py310-b",
        "py311-a",
        "py311-b",
    ]
    assert len(expand_names("{a,b}" * 60)) <= 300


@pytest.mark.parametrize(
    ("condition", "marker"),
    [
        ("py", ""),
        ("latest", ""),
        ("lowest", None),
        ("!lowest", ""),
        ("py27", None),
        ("!py27", ""),
        ("py38,py39", "python_version == '3.8' or python_version == '3.9'"),
        ("py38-lowest,py39-latest", "python_version == '3.9'"),
    ],
)
def test_conditions_become_markers(condition: str, marker: str | None) -> None:
    assert condition_marker(condition, ["latest"]) == marker
