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
from sandbox import NoIsolation, Sandbox, SandboxCommand, SandboxResult
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy
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
    run_context,
)

ROOT = Path(__file__).parents[2]
ADD = "test_calc.TestCalc::test_add"
DOUBLE = "test_calc.TestCalc::test_double"


class NoNetwork:
    """The sandbox, where asking for a network is a failure; it counts what it ran."""

    name = "bwrap"

    def __init__(self, sandbox: Sandbox):
        self._sandbox = sandbox
        self.ran = 0

    async def run(self, command: SandboxCommand) -> SandboxResult:
        assert command.network == "none"
        self.ran += 1
        return await self._sandbox.run(command)


@pytest.fixture
def sandbox() -> NoNetwork:
    try:
        return NoNetwork(BwrapSandbox(IndexProxy.configured({})))
    except NoIsolation as error:
        pytest.skip(str(error))


def stage(
    origin: Origin, sandbox: Sandbox, folder: Path, index: Mapping[str, str] = NO_INDEX
) -> PrepareTests:
    tools = build_tools(sandbox, folder / "cache", index)
    return PrepareTests(origin.mirrors, tools)


def open_bed(sandbox: Sandbox, run: RunContext, suite: Suite) -> TestBed:
    assert suite.recipe
    return TestBed.open(sandbox, run.workspace, suite.recipe, seconds=60, save=run.save)


async def prepared(
    files: dict[str, str], sandbox: Sandbox, folder: Path, index: Mapping[str, str] = NO_INDEX
) -> Suite:
    origin = Origin(folder, files)
    run = run_context(folder)
    return await stage(origin, sandbox, folder, index).run(
        issue(), origin.checkout, context("calc.py"), run
    )


async def test_a_unittest_suite_of_the_standard_library_runs_without_installing_anything(
    sandbox: NoNetwork, tmp_path: Path
):
    suite = await prepared(SAMPLE, sandbox, tmp_path)
    assert suite.runnable and suite.base and suite.recipe
    assert (suite.runner, suite.whole, suite.tests) == ("unittest", True, ())
    assert suite.base.results == {ADD: "failed", DOUBLE: "passed"} and suite.base.completed
    assert "-1 != 5" in suite.base.failures[ADD]
    assert not suite.recipe.needs_environment and not list((tmp_path / "workspace/env").iterdir())


async def test_a_pytest_suite_is_installed_from_the_operators_index_as_an_editable(
    sandbox: NoNetwork, tmp_path: Path
):
    files = {
        "pyproject.toml": (
            '[project]\nname = "calc"\nversion = "1"\n[project.optional-dependencies]\ntest ='
            ' ["pytest"]\n[build-system]\nrequires = ["setuptools"]\nbuild-backend ='
            ' "setuptools.build_meta"\n'
        ),
        "src/calc/__init__.py": CALC,
        "tests/test_calc.py": (
            "import pytest\nfrom calc import add\n\n@pytest.mark.parametrize('n', [0, 1])\ndef"
            " test_add(n):\n    assert add(2, n) == 2 + n\n"
        ),
    }
    index = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(ROOT / ".wheelhouse")}
    suite = await prepared(files, sandbox, tmp_path, index=index)
    assert suite.runnable and suite.base, suite.reason
    assert suite.runner == "pytest"
    assert suite.base.results == {
        "tests.test_calc::test_add[0]": "passed",
        "tests.test_calc::test_add[1]": "failed",
    }
    run = run_context(tmp_path)
    bed = open_bed(sandbox, run, suite)
    fixed = await bed.run({"src/calc/__init__.py": FIXED_CALC.encode()}, (), label="fixed")
    assert set(fixed.results.values()) == {"passed"} and fixed.completed
    assert bed.environment.install_mode == "editable"


async def test_for_a_private_repository_nothing_is_fetched_unless_that_was_allowed(
    sandbox: NoNetwork, tmp_path: Path
):
    origin = Origin(tmp_path, {"test_calc.py": "import pytest\n\ndef test_it():\n    pass\n"})
    run = run_context(tmp_path)
    private = issue().model_copy(update={"private": True})
    suite = await stage(origin, sandbox, tmp_path, index={}).run(
        private, origin.checkout, context("calc.py"), run
    )
    assert not suite.runnable and "CODING_AGENT_FETCH_FOR_PRIVATE" in suite.reason
    assert suite.recipe and suite.recipe.offline and sandbox.ran, (
        "it was tried, by a sandbox that has no network"
    )


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"calc.py": CALC}, "no test files"),
        ({"calc.py": CALC, "test_calc.py": "x = 1\n"}, "none of the test files has a test"),
        (
            {
                **SAMPLE,
                "pyproject.toml": '[project]\nname = "c"\nversion = "1"\nrequires-python = "<3"\n',
            },
            "no interpreter",
        ),
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
async def test_what_cannot_be_tested_says_why(
    files: dict[str, str], reason: str, sandbox: NoNetwork, tmp_path: Path
):
    suite = await prepared(files, sandbox, tmp_path)
    assert not suite.runnable and reason in suite.reason and suite.base is None


SCRIPT = """#!/usr/bin/env python3
import argparse, os, sys, unittest
parser = argparse.ArgumentParser()
parser.add_argument("--parallel", default="9")
parser.add_argument("modules", nargs="*")
given = parser.parse_args()
assert given.parallel == "1" and os.getcwd().endswith("tests")
sys.path.insert(0, os.path.dirname(os.getcwd()))
class Result(unittest.TextTestResult): ...
names = given.modules or ["shop.test_calc"]
suite = unittest.defaultTestLoader.loadTestsFromNames(names)
sys.exit(not unittest.TextTestRunner(resultclass=Result).run(suite).wasSuccessful())
"""


async def test_a_repositorys_own_script_is_run_and_what_its_tests_say_recorded(
    sandbox: NoNetwork, tmp_path: Path
):
    files = {
        "calc.py": CALC,
        "tests/runtests.py": SCRIPT,
        "tests/shop/__init__.py": "",
        "tests/shop/test_calc.py": TESTS,
    }
    suite = await prepared(
        files | {".coding-agent.toml": "[tests]\nrunner = 'script'\n"}, sandbox, tmp_path
    )
    assert suite.runnable and suite.base, suite.reason
    tests = {
        "shop.test_calc.TestCalc::test_add": "failed",
        "shop.test_calc.TestCalc::test_double": "passed",
    }
    assert (suite.runner, suite.base.results, suite.base.completed) == ("script", tests, True)
    bed = open_bed(sandbox, run_context(tmp_path), suite)
    chosen = await bed.run({}, ("tests/shop/test_calc.py",), label="some")
    assert chosen.results == tests


async def test_any_program_that_leaves_junit_xml_can_run_the_tests(
    sandbox: NoNetwork, tmp_path: Path
):
    report = '<testsuite><testcase classname="m" name="a"/></testsuite>'
    said = f"""[tests]\ncommand = ["/bin/sh", "-c", 'echo "$SHOP" | cat > "$0"', "{{report}}"]
environment = {{SHOP = '{report}'}}\nfiles = ["check.txt"]\n"""
    suite = await prepared({"check.txt": "", ".coding-agent.toml": said}, sandbox, tmp_path)
    assert suite.runnable and suite.base and suite.base.results == {"m::a": "passed"}, suite.reason


async def test_a_test_over_its_own_time_fails_alone(
    sandbox: NoNetwork, workspace: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("repository.testing.run.commands.SECONDS_PER_TEST", 0.2)
    slow = TESTS.replace("self.assertEqual(add(2, 3), 5)", "__import__('time').sleep(60)")
    report, _ = await outcome_of(sandbox, workspace, {"test_calc.py": slow.encode()})
    assert (
        report.results == {ADD: "error", DOUBLE: "passed"}
        and "longer than 0.2 s" in report.failures[ADD]
    )


async def test_when_the_time_is_over_no_test_begins_and_those_that_ran_are_told(
    sandbox: NoNetwork, workspace: Path
):
    """The first test moves the clock to the end of all days."""
    late = TESTS.replace("self.assertEqual(add(2, 3), 5)", "import time; time.time = lambda: 1e12")
    more = late + "\n    def test_later(self): ...\n    def test_latest(self): ...\n"
    report, _ = await outcome_of(sandbox, workspace, {"test_calc.py": more.encode()})
    assert report.results == {ADD: "passed", DOUBLE: "passed"} and not report.completed


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not on this machine")
async def test_nodes_own_runner_tells_red_and_green(sandbox: NoNetwork, tmp_path: Path):
    test = "const test = require('node:test'); const assert = require('assert');\n"
    test += (
        "test('adds', () => assert.equal(require('../calc').add(2, 3), 5)); test('is', () => {});\n"
    )
    files = {
        "package.json": '{"scripts": {"test": "node --test"}}',
        "calc.js": "exports.add = (a, b) => a - b;\n",
    }
    suite = await prepared(files | {"test/calc.test.js": test}, sandbox, tmp_path)
    assert suite.runnable and suite.base, suite.reason
    assert suite.base.results == {
        "test/calc.test.js::adds": "failed",
        "test/calc.test.js::is": "passed",
    }
    bed = open_bed(sandbox, run_context(tmp_path), suite)
    changes = {"calc.js": b"exports.add = (a, b) => a + b;\n"}
    fixed = await bed.run(changes, ["test/calc.test.js"], label="fixed")
    assert set(fixed.results.values()) == {"passed"} and fixed.completed


async def test_a_tool_that_is_not_here_is_named(
    sandbox: NoNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "repository.testing.install.toolchains.find_tool", lambda name, environ: None
    )
    files = {"go.mod": "module x\n", "a_test.go": "func TestA(t *testing.T) {}\n"}
    suite = await prepared(files, sandbox, tmp_path)
    assert (
        not suite.runnable
        and "go is not on this machine; with it these tests could run" in suite.reason
    )


async def test_another_machine_restores_the_environment_without_running_a_test(
    sandbox: NoNetwork, tmp_path: Path
):
    origin = Origin(tmp_path, SAMPLE)
    run = run_context(tmp_path)
    prepare = stage(origin, sandbox, tmp_path)
    suite = await prepare.run(issue(), origin.checkout, context(), run)
    (tmp_path / "elsewhere").mkdir()
    elsewhere = run_context(tmp_path / "elsewhere")
    await prepare.restore(Suite.model_validate_json(suite.model_dump_json()), elsewhere)
    assert not (elsewhere.workspace / "report/junit.xml").exists()
    report = await open_bed(sandbox, elsewhere, suite).run({}, (), label="again")
    assert suite.base and report.results == suite.base.results
    ran = sandbox.ran
    await prepare.restore(suite, elsewhere)
    assert sandbox.ran == ran, "what is there already is not made again"


@pytest.fixture
async def workspace(sandbox: NoNetwork, tmp_path: Path) -> Path:
    """The sample, prepared."""
    suite = await prepared(SAMPLE, sandbox, tmp_path)
    assert suite.runnable
    return tmp_path / "workspace"


async def outcome_of(
    sandbox: Sandbox, workspace: Path, changes: dict[str, bytes | None], seconds: float = 30.0
):
    run = run_context(workspace.parent)
    environment = BuiltEnvironment.read(workspace)
    assert environment
    bed = TestBed.open(sandbox, workspace, environment.recipe, seconds=seconds, save=run.save)
    report = await bed.run(changes, ("test_calc.py",), label="log")
    return report, (await run.load(report.log_key)).decode()


async def test_each_run_starts_from_the_base_whatever_the_last_one_left(
    sandbox: NoNetwork, workspace: Path
):
    vandal = (
        "import os,"
        " pathlib\npathlib.Path('calc.py').unlink()\npathlib.Path('deep').mkdir()\nos.chmod('deep',"
        " 0)\n"
    )
    await outcome_of(sandbox, workspace, {"test_calc.py": vandal.encode(), "new.py": b""})
    report, _ = await outcome_of(sandbox, workspace, {"calc.py": FIXED_CALC.encode()})
    assert report.results == {ADD: "passed", DOUBLE: "passed"}
    assert not (workspace / "tree/new.py").exists()


async def test_a_removed_file_is_gone(sandbox: NoNetwork, workspace: Path):
    report, _ = await outcome_of(sandbox, workspace, {"calc.py": None})
    assert report.results == {"::test_calc": "error"} and not report.completed
    assert "ModuleNotFoundError" in report.failures["::test_calc"]


async def test_a_run_over_its_time_says_so(sandbox: NoNetwork, workspace: Path):
    report, log = await outcome_of(
        sandbox, workspace, {"test_calc.py": b"import time; time.sleep(60)"}, seconds=1.0
    )
    assert not report.completed and not report.results and "ended with 124" in log


@pytest.mark.parametrize(
    "trick",
    [
        "os.symlink('/etc/hostname', report)",
        "os.symlink(os.path.abspath('forged.xml'), report); open('forged.xml', 'w').write(forged)",
        "os.mkfifo(report)",
        "os.mkdir(report)",
        "open(report, 'w').write('<!DOCTYPE t [<!ENTITY a \"b\">]>' + forged)",
        "open(report, 'w').write(forged[:-5])",
        "open(report, 'w').truncate(60_000_000)",
    ],
)
async def test_a_report_that_is_no_plain_file_of_junit_xml_is_not_believed(
    trick: str, sandbox: NoNetwork, workspace: Path
):
    forged = '<testsuite><testcase classname="test_calc.TestCalc" name="test_add"/></testsuite>'
    hostile = f"import os, sys\nreport = sys.argv[1]\nforged = {forged!r}\n{trick}\nos._exit(0)\n"
    report, _ = await outcome_of(sandbox, workspace, {"test_calc.py": hostile.encode()})
    assert report.results == {} and not report.completed


async def test_tests_see_neither_the_workers_files_nor_the_untouched_copy(
    sandbox: NoNetwork, workspace: Path
):
    look = f"import os\nprint(sorted(os.listdir({str(workspace)!r})), flush=True)\nos._exit(1)\n"
    report, _ = await outcome_of(sandbox, workspace, {"test_calc.py": look.encode()})
    assert "['report', 'tree']" in report.output


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../out", "a/../../out", ".git/hooks/post-checkout", ""]
)
async def test_a_change_outside_the_tree_is_refused(path: str, sandbox: NoNetwork, workspace: Path):
    with pytest.raises(ValueError, match="not a path"):
        await outcome_of(sandbox, workspace, {path: b"x"})


async def test_a_planted_link_leads_a_change_nowhere(sandbox: NoNetwork, workspace: Path):
    """As if installing had put it there: the prepared tree holds a link where the change is to be
    written.
    """
    victim = workspace / "victim"
    victim.write_text("untouched")
    planted = workspace / "prepared/calc.py"
    planted.unlink()
    planted.symlink_to(victim)
    with pytest.raises(OSError, match="could not be made"):
        await outcome_of(sandbox, workspace, {"calc.py": b"hostile"})
    assert victim.read_text() == "untouched"


async def test_an_old_commit_is_given_the_time_it_was_made(tmp_path: Path, sandbox: NoNetwork):
    origin = Origin(tmp_path, SAMPLE)
    checkout = origin.checkout.model_copy(update={"committed_at": 1_500_000_000})
    suite = await stage(origin, sandbox, tmp_path).run(
        issue(), checkout, context(), run_context(tmp_path)
    )
    assert suite.recipe and suite.recipe.committed_at == 1_500_000_000 and suite.runnable


def wheel(folder: Path, name: str, text: str) -> None:
    """A wheel of one module."""
    info = f"{name}-1.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1-py3-none-any.whl", "w") as made:
        made.writestr(f"{name}.py", text)
        made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        made.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        made.writestr(
            f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )


async def test_an_optional_module_is_installed_unless_it_lacks_a_library_of_the_machines(
    sandbox: NoNetwork, tmp_path: Path
):
    (tmp_path / "wheels").mkdir()
    wheel(tmp_path / "wheels", "whole", "")
    wheel(tmp_path / "wheels", "lacking", "raise RuntimeError('a library of C is not found')\n")
    seen = "".join(
        f"    def test_{name}(self):\n        try:\n            import {name}\n        except"
        " ImportError:\n            self.skipTest('not there')\n"
        for name in ("whole", "lacking")
    )
    files = {
        "environment.yml": "dependencies:\n  - whole\n  - lacking\n",
        "test_calc.py": f"import unittest\n\n\nclass TestCalc(unittest.TestCase):\n{seen}",
    }
    index = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(tmp_path / "wheels")}
    suite = await prepared(files, sandbox, tmp_path, index=index)
    assert suite.base and suite.base.results == {
        "test_calc.TestCalc::test_whole": "passed",
        "test_calc.TestCalc::test_lacking": "skipped",
    }


async def test_a_test_file_for_which_the_runner_gives_up_is_left_out_and_the_others_run(
    sandbox: NoNetwork, tmp_path: Path
):
    script = (
        "import sys, unittest\nif any('gis' in word for word in sys.argv):\n    sys.exit('a"
        " database is required')\n"
    )
    case = (
        "import unittest\n\n\nclass T(unittest.TestCase):\n    def test_it(self):\n        pass\n"
    )
    files = {
        "tests/runtests.py": f"{script}unittest.main(module=None, argv=['x', *sys.argv[1:]])\n"
    }
    files |= {
        f"tests/{name}/test_{name}.py": case for name in ("gis", *(f"p{n:02}" for n in range(14)))
    }
    suite = await prepared(files, sandbox, tmp_path)
    assert suite.base and suite.base.green == suite.base.results.keys()
    assert (suite.runner, len(suite.tests), any("gis" in test for test in suite.tests)) == (
        "script",
        7,
        False,
    )
