"""How a repository is tested, which interpreter it gets and which tests are about the issue: from
files alone.
"""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repository.testing.detect.detection import Detected, detect
from repository.testing.detect.needs import fitting, of_extras
from repository.testing.install.interpreters import (
    choose_minor,
    find_interpreters,
    interpreter_folders,
)
from repository.testing.install.package import missing_in_build
from repository.testing.install.tools import index_settings
from repository.testing.run.commands import script_selections
from repository.testing.run.reports.junit import read_junit
from repository.testing.run.reports.lines import read_lines
from repository.testing.run.reports.results import UnreadableReport
from repository.testing.selection import CHOSEN_FILES, choose_tests

CASE = "import unittest\nclass T(unittest.TestCase):\n    def test_a(self): ...\n"
ALL = list(range(6, 15))


def detected(files: dict[str, str]) -> Detected:
    return detect(list(files), files.get)


def when(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("files", "runner"),
    [
        ({"test_a.py": CASE}, "unittest"),
        ({"test_a.py": CASE, "pytest.ini": "[pytest]\n"}, "pytest"),
        (
            {"test_a.py": CASE, "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-q'\n"},
            "pytest",
        ),
        ({"test_a.py": CASE, "setup.cfg": "[tool:pytest]\naddopts = -q\n"}, "pytest"),
        ({"test_a.py": CASE, "tests/conftest.py": ""}, "pytest"),
        ({"test_a.py": "import pytest\n" + CASE}, "pytest"),
        ({"test_a.py": "def test_a(): ...\n"}, "pytest"),
        ({"test_a.py": "class TestA:\n    def test_a(self): ...\n"}, "pytest"),
        ({"test_a.py": "print(1)\n"}, None),
        ({"a.py": "def test_a(): ...\n"}, None),
        ({"tests/runtests.py": "", "tests/a/tests.py": CASE}, "script"),
        (
            {"bin/test": "#!/usr/bin/env python3\n", "a/tests/test_a.py": "def test_a(): ...\n"},
            "script",
        ),
        ({"bin/test": "#!/bin/sh\n", "a/tests/test_a.py": CASE}, "unittest"),
        ({"runtests.py": "", "test_a.py": CASE, "setup.cfg": "[tool:pytest]\n"}, "pytest"),
        (
            {"test_a.py": CASE, ".github/workflows/ci.yml": "  - run: python -m pytest -q\n"},
            "pytest",
        ),
        ({"test_a.py": CASE, "tox.ini": "[testenv]\ncommands = python -m unittest\n"}, "unittest"),
        ({"test_a.py": CASE, ".coding-agent.toml": "[tests]\nrunner = 'pytest'\n"}, "pytest"),
    ],
)
def test_the_runner_is_told_by_evidence(files: dict[str, str], runner: str | None):
    assert detected(files).runners[:1] == ([runner] if runner else [])


def test_what_the_tests_need_is_collected_from_every_place_that_says_so():
    files = {
        "setup.py": (
            "R = ['pytest>=3', 'mock']\nsetup(tests_require=R, extras_require={'testing': [],"
            " 'docs': []})"
        ),
        "tox.ini": (
            "[testenv]\ndeps =\n    attrs\n    py27: unittest2\n    -r other.txt\n   "
            " git+https://example.org/x\n"
        ),
        "pyproject.toml": (
            "[dependency-groups]\ntest = ['hypothesis', {include-group = 'more'}]\n"
            "more = ['trio', {include-group = 'test'}]"
        ),
        "requirements-dev.txt": (
            "# comment\nmock==1.0  # pinned\n-e .\n--index-url https://user:pw@example.org/\nevil @"
            " https://example.org/e.whl\n"
        ),
        "requirements-docs.txt": "sphinx\n",
        "other.txt": "other\n-r other.txt\n",
    }
    found = detected(files)
    assert found.packaged
    assert found.needs.requirements == [
        "mock==1.0",
        "other",
        "hypothesis",
        "trio",
        "pytest>=3",
        "attrs",
    ]


def test_a_setup_py_is_parsed_and_never_run(tmp_path):
    assert detected(
        {"setup.py": f"open({str(tmp_path / 'ran')!r}, 'w')", "test_a.py": CASE}
    ).packaged
    assert not (tmp_path / "ran").exists()


def test_the_extras_for_tests_are_installed_and_those_for_development_where_there_are_none():
    assert fitting(["docs", "tests", "dev"]) == ["tests"]
    assert fitting(["docs", "dev"]) == ["dev"]
    requires = [
        "base",
        "mock>1 ; extra == 'test'",
        "old ; extra == 'test' and python_version < '3.8'",
    ]
    requires += ["x ; extra == 'all'", "Shop[test] ; extra == 'all'"]
    assert of_extras("shop", ["all"], requires, "3.9") == ["x", "mock>1"]
    assert of_extras("shop", ["test"], requires, "3.7") == ["mock>1", "old"]


def test_a_package_never_asks_for_its_own_release_but_for_its_extras():
    files = {
        "setup.py": "setup(name='shop')",
        "requirements-dev.txt": "shop[socks]\nmock\n",
        "test_a.py": CASE,
    }
    needs = detected(files | {".github/workflows/ci.yml": "- run: pip install -e .[fast]\n"}).needs
    assert (needs.requirements, needs.extras) == (["mock"], ["fast", "socks"])


def test_what_tests_use_without_declaring_it_is_found():
    test = "import os, yaml, shop\nfrom numpy import array\nimport pytest\n"
    test += "try:\n    import maybe\nexcept ImportError: ...\n"
    test += "@pytest.mark.asyncio\nasync def test_a(mocker): ...\n"
    files = {
        "test_a.py": test,
        "shop/__init__.py": "",
        ".travis.yml": "install: pip install 'numpy<2' -q\n",
    }
    needs = detected(files).needs
    assert needs.modules == {"yaml": "pyyaml", "numpy": "numpy<2", "pytest": "pytest"}
    assert needs.requirements == ["pytest-mock", "pytest-asyncio"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tests]\npyhton = '3.9'\n", "pyhton"),
        ("[tests]\npython = 'three'\n", "python"),
        ("[tests", "not TOML"),
        ("[tests]\nrequirements = ['x @ https://example.org/x.whl']\n", "address"),
    ],
)
def test_a_configuration_that_is_wrong_says_where_and_nothing_is_run(text: str, told: str):
    found = detected({".coding-agent.toml": text, "test_a.py": CASE})
    assert not found.runners and told in found.why and ".coding-agent.toml" in found.why


def test_the_repositorys_own_word_goes_before_what_is_found():
    said = "[tests]\ncommand = ['make', 'check', 'OUT={report}']\n"
    said += "files = ['checks/*.py']\nrequirements = ['mock==1']\n"
    found = detected(
        {
            ".coding-agent.toml": said + "[edits]\nany = 1\n",
            "checks/a.py": "",
            "test_b.py": CASE,
            "requirements-test.txt": "mock==2\n",
        }
    )
    assert (found.runners, found.test_files, found.needs.requirements) == (
        ["command"],
        ["checks/a.py"],
        ["mock==1"],
    )


PACKAGE = '{"scripts": {"test": "%s"}, "devDependencies": {%s}}'


@pytest.mark.parametrize(
    ("files", "runner", "first_step"),
    [
        (
            {
                "package.json": PACKAGE % ("jest", '"jest": "1"'),
                "a.test.js": "it('x')",
                "yarn.lock": "",
            },
            "jest",
            "yarn",
        ),
        (
            {"package.json": PACKAGE % ("run-s unit", '"vitest": "1"'), "a.spec.ts": "it('x')"},
            "vitest",
            "npm install",
        ),
        (
            {
                "package.json": PACKAGE % ("mocha", '"mocha": "1"'),
                "test/a.js": "it('x')",
                "package-lock.json": "",
            },
            "mocha",
            "npm ci",
        ),
        (
            {"package.json": PACKAGE % ("node --test", ""), "test/a.mjs": "test('x')"},
            "node:test",
            None,
        ),
        ({"package.json": PACKAGE % ("ava", '"ava": "1"'), "test/a.js": "test('x')"}, None, None),
        ({"package.json": "[", "test/a.js": "test('x')"}, None, None),
        (
            {"go.mod": "module x\n", "a_test.go": "func TestA(t *testing.T) {}"},
            "go",
            "go mod download",
        ),
        ({"Cargo.toml": "[package]\n", "src/lib.rs": "#[test]\nfn a() {}"}, "cargo", "cargo fetch"),
        ({"pom.xml": "", "src/test/java/ATest.java": "@Test"}, "maven", "mvn"),
        ({"build.gradle": "", "src/test/java/ATest.java": "@Test"}, "gradle", "gradle"),
    ],
)
def test_other_ecosystems_are_shown_by_a_file_at_the_root(
    files: dict[str, str], runner: str | None, first_step: str | None
):
    found = detected(files)
    assert found.runners == ([runner] if runner else []) and found.other and found.why
    steps = [line for _, line in found.other.steps]
    assert first_step in steps[0] if first_step else not steps


def test_an_application_with_a_few_scripts_is_tested_in_the_language_of_most_of_its_tests():
    files = {"package.json": PACKAGE % ("node --test", ""), "test_tool.py": CASE}
    assert detected(files | {"test/a.js": "test('x')"}).runners[0] == "unittest"
    assert detected(files | {"test/a.js": "test('x')", "test/b.js": "test('x')"}).runners == [
        "node:test"
    ]


def test_the_folder_of_the_packages_is_where_the_repository_says():
    package = {"python3/lib/__init__.py": "", "tests/test_a.py": CASE}
    said = [
        {"setup.py": "setup(package_dir={'': 'python3'})"},
        {"setup.cfg": "[options]\npackage_dir =\n    = python3\n"},
        {"setup.cfg": "[options.packages.find]\nwhere = python3\n"},
        {"pyproject.toml": "[tool.setuptools]\npackage-dir = {'' = 'python3'}\n"},
        {"pyproject.toml": "[tool.setuptools.packages.find]\nwhere = ['python3']\n"},
    ]
    assert {detected(package | one).source_root for one in said} == {"python3"}
    assert detected(package | {"setup.py": "setup(package_dir={'': 'gone'})"}).source_root == ""


def test_a_name_that_a_setup_py_says_in_a_variable_is_its_name():
    files = {
        "setup.py": "NAME = 'scikit-x'\nsetup(name=NAME)\n",
        "skx/__init__.py": "",
        "test_a.py": CASE,
    }
    assert detected(files).name == "scikit-x"


def test_what_tests_can_do_without_is_wanted_where_the_repository_names_it_also_for_conda():
    conda = (
        "name: x\ndependencies:\n  - python=3.8\n  - scipy>=1.2  # for tests\n  - netcdf4=1.5\n  -"
        " pip:\n"
    )
    files = {
        "setup.py": "setup(name='x')",
        "ci/requirements/py38.yml": conda,
        "test_a.py": (
            "import pytest\na = pytest.importorskip('scipy')\nb = pytest.importorskip('torch')\n"
            + CASE
        ),
    }
    assert detected(files).needs.modules == {"pytest": "pytest", "scipy": "scipy"}
    shared = (
        "try:\n    import scipy, torch\nexcept ImportError:\n    pass\ndef f():"
        " importorskip('netCDF4')\n"
    )
    package = {
        "setup.py": "setup(name='x')",
        "environment.yml": conda,
        "t/__init__.py": shared,
        "t/test_a.py": CASE,
    }
    assert detected(package).needs.modules == {"scipy": "scipy", "netCDF4": "netcdf4"}


def test_plugins_that_pytests_configuration_asks_for_are_needed():
    files = {
        "test_a.py": CASE,
        "pytest.ini": (
            "[pytest]\nrequired_plugins = pytest-django>=4 pytest-mock\naddopts = -nauto\n"
        ),
    }
    assert {"pytest-django", "pytest-mock", "pytest-xdist"} <= set(
        detected(files).needs.requirements
    )


HUGE = 40_000


@pytest.mark.parametrize(
    "text",
    [
        "import " + " " * HUGE + "!",
        "import " + "a , " * HUGE + "!",
        "\n" * HUGE + "!",
        "def test(" * HUGE,
        " " * HUGE + "!",
        "importorskip(" + " " * HUGE,
        "from " + "." * HUGE,
    ],
)
def test_no_text_of_a_repository_or_a_runner_holds_the_worker_up(text: str):
    """Patterns that look twice at each character would take minutes, and hold every other run's
    lease.
    """
    detected(
        {
            "test_a.py": text,
            "conftest.py": text,
            "setup.py": text,
            "environment.yml": f"dependencies:\n - {text}",
        }
    )
    read_lines(text)
    missing_in_build(text + "a" * HUGE)
    choose_tests(["test_a.py"] * 20, {"test_a.py": text}, {}, ranking=["a/b.py"], issue="x")


def test_patterns_of_test_files_are_the_repositorys_own():
    files = {
        "pytest.ini": "[pytest]\npython_files = check_*.py testing/*/*.py\n",
        "testing/python/raises.py": "",
        "check_x.py": "",
    }
    found = detected(files)
    assert sorted(found.test_files) == ["check_x.py", "testing/python/raises.py"]


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "pyproject.toml",
                "setup.cfg",
                "setup.py",
                "tox.ini",
                "pytest.ini",
                "test_a.py",
                "noxfile.py",
                "Makefile",
                ".github/workflows/a.yml",
                "requirements-test.txt",
                "package.json",
            ]
        ),
        st.text(max_size=200),
    )
)
def test_no_file_of_a_hostile_repository_breaks_detection(files: dict[str, str]):
    assert detected(files).test_files == (["test_a.py"] if "test_a.py" in files else [])


TOML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from(["scripts", "dependencies", "devDependencies"]), TOML))
def test_no_package_json_breaks_detection(package: dict[str, object]):
    assert detected({"package.json": json.dumps(package), "a.test.js": "test('x')"}).other


@pytest.mark.parametrize(
    ("day", "requires", "classified", "minor"),
    [
        ("2019-06-01", None, (), 7),
        ("2019-06-01", None, (5, 6), 6),
        ("2020-07-20", ">=3.5", (5, 6, 7, 8), 8),
        ("2020-01-20", None, (), 7),  # 3.8 was three months old
        ("2023-06-26", ">=3.7", (7, 8, 9, 10, 11), 10),
        ("2012-09-20", None, (), 6),  # older than all: the nearest
        ("2024-01-01", "<3.9", (), 8),
        ("2024-01-01", ">=3.99", (), None),
        ("2026-09-01", ">=3.12", (3, 4), 14),
        ("2019-06-01", "no specifier", (), 7),
    ],
)
def test_the_interpreter_is_the_newest_that_the_commits_time_knew(day, requires, classified, minor):
    assert (
        choose_minor(ALL, requires=requires, classified=classified, committed_at=when(day)) == minor
    )


def test_interpreters_are_found_by_name_in_order_and_a_home_is_not_made_readable(tmp_path):
    for name in (
        "a/bin/python3.9",
        "b/bin/python3.9",
        "b/bin/python3.11",
        "b/bin/python3",
        "b/bin/python3.11-config",
        "b/bin/python2.7",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    found = find_interpreters([tmp_path / "a/bin", tmp_path / "missing", tmp_path / "b/bin"])
    assert found == {9: tmp_path / "a/bin/python3.9", 11: tmp_path / "b/bin/python3.11"}
    assert interpreter_folders(found[9]) == (tmp_path / "a/bin",)


def test_a_small_suite_runs_whole_and_of_a_large_one_what_the_issue_is_about():
    files = [f"tests/test_{n:03}.py" for n in range(30)] + [
        "tests/test_parser.py",
        "tests/test_util.py",
        "tests/test_named.py",
    ]
    texts = {
        "tests/test_util.py": "from pkg.parser import parse\n",
        "tests/test_named.py": "def test_the_bug(): ...\n",
    }
    few = choose_tests(files[-3:], texts, dict.fromkeys(files, 10), ranking=(), issue="")
    assert few == ((), True)
    chosen, whole = choose_tests(
        files,
        texts,
        dict.fromkeys(files, 10),
        ranking=("src/pkg/parser.py",),
        issue="see test_the_bug",
    )
    assert not whole and set(chosen) == {
        "tests/test_parser.py",
        "tests/test_util.py",
        "tests/test_named.py",
    }
    assert chosen[0] == "tests/test_parser.py"
    lost, whole = choose_tests(files, {}, {}, ranking=(), issue="")
    assert len(lost) == CHOSEN_FILES and not whole


def test_a_test_told_of_twice_counts_at_its_worst():
    xml = (
        b'<testsuite><testcase classname="m" name="a"/><testcase classname="m" name="a"><error'
        b' message="boom">tail</error></testcase><testcase classname="m" name="s"><skipped'
        b' message="no"/></testcase><testcase classname="m" name="f"><failure message="1 !='
        b' 2">trace</failure></testcase></testsuite>'
    )
    results, failures = read_junit(xml)
    assert results == {"m::a": "error", "m::s": "skipped", "m::f": "failed"}
    assert failures == {"m::a": "boom\ntail", "m::f": "1 != 2\ntrace"}


def test_suites_stand_for_the_class_that_nodes_own_runner_does_not_name():
    xml = b"""<testsuites><testsuite name="test/a.js"><testcase name="top" classname="test"/><testsuite name="deep">
    <testcase name="x" classname="test"><failure message="1 == 2"/></testcase></testsuite></testsuite></testsuites>"""
    assert read_junit(xml)[0] == {"test/a.js::top": "passed", "test/a.js > deep::x": "failed"}


def test_a_scripts_verbose_lines_are_read_whatever_else_is_printed():
    output = (
        "sympy/core/tests/test_basic.py[3] \ntest_structure ok\nchatter\ntest_equality F\ntest_has"
        " f      [FAIL]\n"
    )
    output += "test_fix (shop.tests.CartTests) ... ok\ntest_b (shop.tests.CartTests) ... ERROR\n"
    assert read_lines(output) == {
        "sympy.core.tests.test_basic::test_structure": "passed",
        "sympy.core.tests.test_basic::test_equality": "failed",
        "sympy.core.tests.test_basic::test_has": "skipped",
        "shop.tests.CartTests::test_fix": "passed",
        "shop.tests.CartTests::test_b": "error",
    }


def test_a_script_is_given_modules_from_its_folder_on_then_their_tops_then_paths():
    assert script_selections("tests/runtests.py", ["tests/auth/test_x.py"]) == [
        ("auth.test_x",),
        ("auth",),
        ("tests/auth/test_x.py",),
    ]
    assert script_selections("bin/test", ["sympy/core/tests/test_x.py"]) == [
        ("sympy/core/tests/test_x.py",)
    ]


@settings(deadline=None, max_examples=100)
@given(
    st.one_of(
        st.binary(max_size=100), st.text("<>/testcase &;![]\"'=na", max_size=100).map(str.encode)
    )
)
def test_no_report_breaks_the_reader(data: bytes):
    try:
        results, failures = read_junit(data)
    except UnreadableReport:
        return
    assert failures.keys() <= results.keys()


def test_only_the_index_settings_are_handed_to_installs_and_none_with_a_password():
    environ = {
        "UV_DEFAULT_INDEX": "https://user:secret@index.example/simple",
        "UV_FIND_LINKS": "/wheels https://links.example/",
        "GITHUB_TOKEN": "x",
        "UV_PUBLISH_TOKEN": "y",
        "UV_OFFLINE": "",
        "SSL_CERT_FILE": "/etc/ssl/ca.pem",
    }
    assert index_settings(environ) == {
        "UV_FIND_LINKS": "/wheels https://links.example/",
        "SSL_CERT_FILE": "/etc/ssl/ca.pem",
    }
