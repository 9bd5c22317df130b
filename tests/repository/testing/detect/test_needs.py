"""The packages that tests need."""

from repository.testing.detect.detection import detect
from repository.testing.detect.needs import TestNeeds
from repository.testing.detect.requirements import choose_for_tests, resolve_extras
from tests.repository.testing.detect.trees import CASE, tree_of

CONDA = """\
name: x
dependencies:
  - python=3.8
  - scipy>=1.2  # for tests
  - netcdf4=1.5
  - pip:
"""


def needs_of(files: dict[str, str]) -> TestNeeds:
    return detect(tree_of(files)).draft.needs


def test_requirements_are_collected_from_every_source() -> None:
    files = {
        "setup.py": (
            "R = ['pytest>=3', 'mock']\n"
            "setup(tests_require=R, extras_require={'testing': [], 'docs': []})"
        ),
        "tox.ini": (
            "[testenv]\ndeps =\n    attrs\n    py27: unittest2\n    -r other.txt\n"
            "    git+https://example.org/x\n"
        ),
        "pyproject.toml": (
            "[dependency-groups]\n"
            "test = ['hypothesis', {include-group = 'more'}]\n"
            "more = ['trio', {include-group = 'test'}]"
        ),
        "requirements-dev.txt": (
            "# comment\n"
            "mock==1.0  # pinned\n"
            "-e .\n"
            "--index-url https://user:pw@example.org/\n"
            "evil @ https://example.org/e.whl\n"
        ),
        "requirements-docs.txt": "sphinx\n",
        "other.txt": "other\n-r other.txt\n",
    }
    assert needs_of(files).requirements == (
        "mock==1.0",
        "other",
        "hypothesis",
        "trio",
        "pytest>=3",
        "attrs",
    )


def test_groups_of_poetry_pdm_and_hatch_are_read() -> None:
    pyproject = """
        [tool.poetry.dev-dependencies]
        python = "^3.9"
        responses = "*"
        [tool.poetry.group.test.dependencies]
        freezegun = { version = "*" }
        [tool.poetry.group.docs.dependencies]
        sphinx = "*"
        [tool.pdm.dev-dependencies]
        tests = ["mock"]
        [tool.hatch.envs.default]
        dependencies = ["coverage[toml]", 1]
        extra-dependencies = "none"
    """
    assert needs_of({"pyproject.toml": pyproject}).requirements == (
        "mock",
        "responses",
        "freezegun",
        "coverage[toml]",
    )


def test_group_that_repeats_its_includes_does_not_expand() -> None:
    doubling = "\n".join(
        f"g{number} = [{{include-group = 'g{number + 1}'}}, {{include-group = 'g{number + 1}'}}]"
        for number in range(60)
    )
    pyproject = f"[dependency-groups]\ntest = [{{include-group = 'g0'}}]\n{doubling}\ng60 = ['six']"
    assert needs_of({"pyproject.toml": pyproject}).requirements == ("six",)


def test_only_imported_packages_of_a_long_development_list_are_installed() -> None:
    tools = "".join(f"tool{number}\n" for number in range(30))
    files = {"requirements-dev.txt": f"{tools}yaml-lint\n", "test_a.py": "import tool7\n" + CASE}
    needs = needs_of(files)
    assert needs.requirements == ()
    assert needs.modules == {"tool7": "tool7"}


def test_development_extras_count_only_without_test_extras() -> None:
    assert choose_for_tests(["docs", "tests", "dev"]) == ["tests"]
    assert choose_for_tests(["docs", "dev"]) == ["dev"]


def test_resolve_extras_depend_on_markers_and_include_nested_extras() -> None:
    requires = [
        "base",
        "mock>1 ; extra == 'test'",
        "old ; extra == 'test' and python_version < '3.8'",
        "x ; extra == 'all'",
        "Shop[test] ; extra == 'all'",
    ]
    assert resolve_extras("shop", ["all"], requires, "3.9") == ["x", "mock>1"]
    assert resolve_extras("shop", ["test"], requires, "3.7") == ["mock>1", "old"]


def test_own_extras_are_requested_and_the_own_release_never_installed() -> None:
    files = {
        "setup.py": "setup(name='shop')",
        "requirements-dev.txt": "shop[socks]\nmock\n",
        "test_a.py": CASE,
        ".github/workflows/ci.yml": "- run: pip install -e .[fast]\n",
    }
    needs = needs_of(files)
    assert needs.requirements == ("mock",)
    assert needs.extras == ("fast", "socks")


def test_undeclared_modules_and_plugins_that_tests_use_are_needed() -> None:
    test = """\
import os, yaml, shop
from numpy import array
import pytest
try:
    import maybe
except ImportError: ...
@pytest.mark.asyncio
async def test_a(mocker): ...
"""
    files = {
        "test_a.py": test,
        "shop/__init__.py": "",
        ".travis.yml": "install: pip install 'numpy<2' -q\n",
    }
    needs = needs_of(files)
    assert needs.modules == {"yaml": "pyyaml", "numpy": "numpy<2", "pytest": "pytest"}
    assert needs.requirements == ("pytest-mock", "pytest-asyncio")


def test_optional_modules_are_needed_if_a_conda_file_mentions_them() -> None:
    files = {
        "setup.py": "setup(name='x')",
        "ci/requirements/py38.yml": CONDA,
        "test_a.py": (
            "import pytest\n"
            "a = pytest.importorskip('scipy')\n"
            "b = pytest.importorskip('torch')\n" + CASE
        ),
    }
    assert needs_of(files).modules == {"pytest": "pytest", "scipy": "scipy"}


def test_modules_are_also_read_from_shared_test_code() -> None:
    shared = """\
try:
    import scipy, torch
except ImportError:
    pass
def f(): importorskip('netCDF4')
"""
    files = {
        "setup.py": "setup(name='x')",
        "environment.yml": CONDA,
        "t/__init__.py": shared,
        "t/test_a.py": CASE,
    }
    assert needs_of(files).modules == {"scipy": "scipy>=1.2", "netCDF4": "netcdf4==1.5.*"}


def test_plugins_in_pytests_configuration_are_needed() -> None:
    config = "[pytest]\nrequired_plugins = pytest-django>=4 pytest-mock\naddopts = -nauto\n"
    requirements = needs_of({"test_a.py": CASE, "pytest.ini": config}).requirements
    assert {"pytest-django", "pytest-mock", "pytest-xdist"} <= set(requirements)
