"""A repository's tests, set up and run on its base commit in the sandbox."""

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.stage import RunContext
from repository.testing.environment import BuiltEnvironment
from repository.testing.models import Suite
from repository.testing.run.bed import TestBed
from sandbox import Sandbox, SandboxCommand, SandboxResult
from stages.prepare_tests import PrepareTests
from tests.stages.workbench import (
    CALC,
    FIXED_CALC,
    NO_INDEX,
    SAMPLE,
    TESTS,
    Origin,
    build_tools,
    context,
    issue,
    make_sandbox,
    run_context,
)
from tests.stand_ins.runs import StageRun

ROOT = Path(__file__).parents[2]
WHEELHOUSE = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(ROOT / ".wheelhouse")}
ADD = "test_calc.TestCalc::test_add"
DOUBLE = "test_calc.TestCalc::test_double"


class NoNetwork:
    """The sandbox, in which asking for a network is a failure; it counts what it ran."""

    name = "bwrap"

    def __init__(self, sandbox: Sandbox):
        self._sandbox = sandbox
        self.ran = 0

    def path_inside(self, run_folder: Path) -> Path:
        return self._sandbox.path_inside(run_folder)

    async def run(self, command: SandboxCommand) -> SandboxResult:
        assert command.network == "none"
        self.ran += 1
        return await self._sandbox.run(command)


@pytest.fixture
def sandbox() -> NoNetwork:
    return NoNetwork(make_sandbox())


def stage(
    origin: Origin, sandbox: Sandbox, folder: Path, index: Mapping[str, str] = NO_INDEX
) -> PrepareTests:
    return PrepareTests(origin.mirrors, build_tools(sandbox, folder / "cache", index))


def open_bed(sandbox: Sandbox, run: RunContext, suite: Suite) -> TestBed:
    assert suite.recipe
    return TestBed.open(sandbox, run.workspace, suite.recipe, seconds=60, save=run.save)


async def prepare(
    files: dict[str, str], sandbox: Sandbox, folder: Path, index: Mapping[str, str] = NO_INDEX
) -> Suite:
    origin = Origin(folder, files)
    return await stage(origin, sandbox, folder, index).run(
        issue(), origin.checkout, context("calc.py"), run_context(folder)
    )


async def test_a_unittest_suite_runs_without_installing_anything(
    sandbox: NoNetwork, tmp_path: Path
) -> None:
    suite = await prepare(SAMPLE, sandbox, tmp_path)
    assert suite.runnable and suite.base and suite.recipe
    assert (suite.runner, suite.whole, suite.tests) == ("unittest", True, ())
    assert suite.base.results == {ADD: "failed", DOUBLE: "passed"}
    assert suite.base.completed
    assert "-1 != 5" in suite.base.failures[ADD]
    assert not suite.recipe.needs_environment
    assert not list((tmp_path / "workspace/env").iterdir())


needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not here")
PYPROJECT = """[project]
name = "calc"
version = "1"
[project.optional-dependencies]
test = ["pytest"]
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
"""
PYTEST_TESTS = """import pytest
from calc import add

@pytest.mark.parametrize('n', [0, 1])
def test_add(n):
    assert add(2, n) == 2 + n
"""


async def test_a_repository_with_pytest_is_installed_editable(
    sandbox: NoNetwork, tmp_path: Path
) -> None:
    files = {
        "pyproject.toml": PYPROJECT,
        "src/calc/__init__.py": CALC,
        "tests/test_calc.py": PYTEST_TESTS,
    }
    suite = await prepare(files, sandbox, tmp_path, WHEELHOUSE)
    assert suite.runnable and suite.base, suite.reason
    assert suite.runner == "pytest"
    assert suite.base.results == {
        "tests.test_calc::test_add[0]": "passed",
        "tests.test_calc::test_add[1]": "failed",
    }
    bed = open_bed(sandbox, run_context(tmp_path), suite)
    fixed = await bed.run({"src/calc/__init__.py": FIXED_CALC.encode()}, (), label="fixed")
    assert set(fixed.results.values()) == {"passed"}
    assert fixed.completed
    assert bed.environment.install_mode == "editable"


@pytest.mark.parametrize(
    ("files", "index", "reason", "new_test", "result"),
    [
        pytest.param(
            {"calc.py": CALC, "test_calc.py": "x = 1"},
            WHEELHOUSE,
            "none of the test files has a test; pytest runs those of a change",
            ("test_new.py", b"from calc import add\ndef test_add(): assert add(2, 3) == 5\n"),
            "test_new::test_add",
            id="Python",
        ),
        pytest.param(
            {"package.json": '{"name": "calc"}', "calc.js": "exports.add = (a, b) => a - b;\n"},
            NO_INDEX,
            "the repository has no tests; node:test runs those of a change",
            ("new.test.js", b"require('node:test')('adds', () => { throw Error() });\n"),
            "new.test.js::adds",
            id="JavaScript",
            marks=needs_node,
        ),
    ],
)
async def test_without_tests_the_environment_is_for_those_of_a_change(
    files: dict[str, str],
    index: Mapping[str, str],
    reason: str,
    new_test: tuple[str, bytes],
    result: str,
    sandbox: NoNetwork,
    tmp_path: Path,
) -> None:
    origin = Origin(tmp_path, files)
    run = StageRun(tmp_path)
    suite = await stage(origin, sandbox, tmp_path, index).run(
        issue(), origin.checkout, context("calc.py"), run.context()
    )
    assert suite.runnable and suite.base, suite.reason
    assert (suite.whole, suite.base.results) == (False, {})
    assert run.reports[-1].startswith("base: no test ran (")
    assert suite.reason == reason
    bed = open_bed(sandbox, run_context(tmp_path), suite)
    path, content = new_test
    report = await bed.run({path: content}, [path], label="new")
    assert report.results == {result: "failed"}


async def test_nothing_is_fetched_for_a_private_repository(
    sandbox: NoNetwork, tmp_path: Path
) -> None:
    origin = Origin(tmp_path, {"test_calc.py": "import pytest\n\ndef test_it():\n    pass\n"})
    private = issue().model_copy(update={"private": True})
    suite = await stage(origin, sandbox, tmp_path, index={}).run(
        private, origin.checkout, context("calc.py"), run_context(tmp_path)
    )
    assert not suite.runnable
    assert "CODING_AGENT_FETCH_FOR_PRIVATE" in suite.reason
    assert suite.recipe and suite.recipe.offline
    assert sandbox.ran, "it was tried, by a sandbox that has no network"


FOR_PYTHON_2 = '[project]\nname = "c"\nversion = "1"\nrequires-python = "<3"\n'


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"README.md": "calc"}, "no test files"),
        ({"calc.py": CALC}, "no test files; pytest runs those of a change, but pytest can't be"),
        ({**SAMPLE, "pyproject.toml": FOR_PYTHON_2}, "no interpreter"),
        (
            {"calc.py": CALC, "test_calc.py": "def test_add():\n    assert True\n"},
            "pytest can't be installed",
        ),
        (
            {"calc.py": CALC, "test_calc.py": TESTS + "import os; os._exit(9)\n"},
            "no test of the base commit ran",
        ),
    ],
)
async def test_an_unrunnable_suite_has_a_reason(
    files: dict[str, str], reason: str, sandbox: NoNetwork, tmp_path: Path
) -> None:
    suite = await prepare(files, sandbox, tmp_path)
    assert not suite.runnable
    assert reason in suite.reason
    assert suite.base is None


SCRIPT = """#!/usr/bin/env python3
import argparse, os, sys, unittest
parser = argparse.ArgumentParser()
parser.add_argument("--parallel", default="9")
parser.add_argument("modules", nargs="*")
options = parser.parse_args()
assert options.parallel == "1" and os.getcwd().endswith("tests")
sys.path.insert(0, os.path.dirname(os.getcwd()))
class Result(unittest.TextTestResult): ...
names = options.modules or ["shop.test_calc"]
suite = unittest.defaultTestLoader.loadTestsFromNames(names)
sys.exit(not unittest.TextTestRunner(resultclass=Result).run(suite).wasSuccessful())
"""


async def test_the_results_of_a_repositorys_own_script_are_recorded(
    sandbox: NoNetwork, tmp_path: Path
) -> None:
    files = {
        ".coding-agent.toml": "[tests]\nrunner = 'script'\n",
        "calc.py": CALC,
        "tests/runtests.py": SCRIPT,
        "tests/shop/__init__.py": "",
        "tests/shop/test_calc.py": TESTS,
    }
    results = {
        "shop.test_calc.TestCalc::test_add": "failed",
        "shop.test_calc.TestCalc::test_double": "passed",
    }
    suite = await prepare(files, sandbox, tmp_path)
    assert suite.runnable and suite.base, suite.reason
    assert suite.runner == "script"
    assert suite.base.results == results
    assert suite.base.completed
    bed = open_bed(sandbox, run_context(tmp_path), suite)
    chosen = await bed.run({}, ("tests/shop/test_calc.py",), label="some")
    assert chosen.results == results


async def test_any_program_that_writes_junit_xml_can_run_the_tests(
    sandbox: NoNetwork, tmp_path: Path
) -> None:
    report = '<testsuite><testcase classname="m" name="a"/></testsuite>'
    config = f"""[tests]
command = ["/bin/sh", "-c", 'echo "$SHOP" | cat > "$0"', "{{report}}"]
environment = {{SHOP = '{report}'}}
files = ["check.txt"]
"""
    files = {"check.txt": "", ".coding-agent.toml": config}
    suite = await prepare(files, sandbox, tmp_path)
    assert suite.runnable and suite.base, suite.reason
    assert suite.base.results == {"m::a": "passed"}


NODE_TEST = """const test = require('node:test'); const assert = require('assert');
test('adds', () => assert.equal(require('../calc').add(2, 3), 5)); test('is', () => {});
"""


@needs_node
async def test_nodes_built_in_runner_reports_red_and_green(
    sandbox: NoNetwork, tmp_path: Path
) -> None:
    files = {
        "package.json": '{"scripts": {"test": "node --test"}}',
        "calc.js": "exports.add = (a, b) => a - b;\n",
        "test/calc.test.js": NODE_TEST,
    }
    suite = await prepare(files, sandbox, tmp_path)
    assert suite.runnable and suite.base, suite.reason
    assert suite.base.results == {
        "test/calc.test.js::adds": "failed",
        "test/calc.test.js::is": "passed",
    }
    bed = open_bed(sandbox, run_context(tmp_path), suite)
    changes = {"calc.js": b"exports.add = (a, b) => a + b;\n"}
    fixed = await bed.run(changes, ["test/calc.test.js"], label="fixed")
    assert set(fixed.results.values()) == {"passed"}
    assert fixed.completed


async def test_a_missing_tool_is_named(
    sandbox: NoNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "repository.testing.install.tool_search.find_tool", lambda name, environ: None
    )
    files = {"go.mod": "module x\n", "a_test.go": "func TestA(t *testing.T) {}\n"}
    suite = await prepare(files, sandbox, tmp_path)
    assert not suite.runnable
    assert "go is not on this machine; with it these tests could run" in suite.reason


async def test_another_machine_restores_the_environment_without_running_a_test(
    sandbox: NoNetwork, tmp_path: Path
) -> None:
    origin = Origin(tmp_path, SAMPLE)
    prepare_tests = stage(origin, sandbox, tmp_path)
    suite = await prepare_tests.run(issue(), origin.checkout, context(), run_context(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    elsewhere = run_context(tmp_path / "elsewhere")
    await prepare_tests.restore(Suite.model_validate_json(suite.model_dump_json()), elsewhere)
    assert not (elsewhere.workspace / "report/junit.xml").exists()
    report = await open_bed(sandbox, elsewhere, suite).run({}, (), label="again")
    assert suite.base
    assert report.results == suite.base.results


@pytest.mark.parametrize(
    ("tests", "is_built"),
    [
        (f"{TESTS}import os; os._exit(9)\n", True),
        ("import pytest\n\ndef test_it(): pass\n", False),
    ],
)
async def test_an_environment_in_which_no_test_runs_is_restored_too(
    tests: str, is_built: bool, sandbox: NoNetwork, tmp_path: Path
) -> None:
    origin = Origin(tmp_path, {"calc.py": CALC, "test_calc.py": tests})
    prepare_tests = stage(origin, sandbox, tmp_path)
    suite = await prepare_tests.run(issue(), origin.checkout, context(), run_context(tmp_path))
    assert not suite.runnable and suite.recipe is not None
    (tmp_path / "elsewhere").mkdir()
    elsewhere = run_context(tmp_path / "elsewhere")
    await prepare_tests.restore(suite, elsewhere)
    assert (BuiltEnvironment.read(elsewhere.workspace) is not None) is is_built


async def test_an_existing_environment_is_not_built_again(
    sandbox: NoNetwork, tmp_path: Path
) -> None:
    origin = Origin(tmp_path, SAMPLE)
    run = run_context(tmp_path)
    prepare_tests = stage(origin, sandbox, tmp_path)
    suite = await prepare_tests.run(issue(), origin.checkout, context(), run)
    ran = sandbox.ran
    await prepare_tests.restore(suite, run)
    assert sandbox.ran == ran


async def test_the_recipe_names_the_time_of_an_old_commit(
    sandbox: NoNetwork, tmp_path: Path
) -> None:
    origin = Origin(tmp_path, SAMPLE)
    checkout = origin.checkout.model_copy(update={"committed_at": 1_500_000_000})
    suite = await stage(origin, sandbox, tmp_path).run(
        issue(), checkout, context(), run_context(tmp_path)
    )
    assert suite.runnable
    assert suite.recipe and suite.recipe.committed_at == 1_500_000_000


def write_wheel(folder: Path, name: str, text: str) -> None:
    """Write a wheel of one module."""
    info = f"{name}-1.dist-info"
    record = f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{name}-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", text)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", record)


OPTIONAL_IMPORT = """    def test_{name}(self):
        try:
            import {name}
        except ImportError:
            self.skipTest('not installed')
"""


async def test_an_optional_module_without_its_library_is_uninstalled(
    sandbox: NoNetwork, tmp_path: Path
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    write_wheel(wheels, "whole", "")
    write_wheel(wheels, "lacking", "raise RuntimeError('a library of C is not found')\n")
    methods = "".join(OPTIONAL_IMPORT.format(name=name) for name in ("whole", "lacking"))
    files = {
        "environment.yml": "dependencies:\n  - whole\n  - lacking\n",
        "test_calc.py": f"import unittest\n\n\nclass TestCalc(unittest.TestCase):\n{methods}",
    }
    index = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels)}
    suite = await prepare(files, sandbox, tmp_path, index)
    assert suite.base and suite.base.results == {
        "test_calc.TestCalc::test_whole": "passed",
        "test_calc.TestCalc::test_lacking": "skipped",
    }


CASE = """import unittest


class T(unittest.TestCase):
    def test_it(self):
        pass
"""


async def test_a_second_run_installs_into_a_copy_of_the_cached_environment(
    sandbox: NoNetwork, tmp_path: Path
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    write_wheel(wheels, "whole", "")
    files = {
        "requirements-test.txt": "whole\n",
        "test_calc.py": f"import unittest\n\n\nimport whole\n\n\n{CASE}",
    }
    origin = Origin(tmp_path, files)
    index = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels)}
    prepare_tests = stage(origin, sandbox, tmp_path, index)
    logs: list[str] = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        run = run_context(tmp_path / name)
        suite = await prepare_tests.run(issue(), origin.checkout, context(), run)
        assert suite.base and suite.base.green == {"test_calc.T::test_it"}, suite.reason
        assert suite.log_key
        logs.append((await run.load(suite.log_key)).decode())
    assert "uv pip install" in logs[0]
    assert "is cached here" not in logs[0]
    assert "is cached here" in logs[1]
    assert "uv pip install" not in logs[1], "nothing is left to install"


PICKY_SCRIPT = """import sys, unittest
if any('gis' in word for word in sys.argv):
    sys.exit('a database is required')
unittest.main(module=None, argv=['x', *sys.argv[1:]])
"""


async def test_a_test_file_that_breaks_the_runner_is_left_out(
    sandbox: NoNetwork, tmp_path: Path
) -> None:
    names = ["gis", *(f"p{number:02}" for number in range(14))]
    files = {f"tests/{name}/test_{name}.py": CASE for name in names}
    files["tests/runtests.py"] = PICKY_SCRIPT
    suite = await prepare(files, sandbox, tmp_path)
    assert suite.base and suite.base.green == suite.base.results.keys()
    assert suite.runner == "script"
    assert len(suite.tests) == 7
    assert not any("gis" in test for test in suite.tests)
