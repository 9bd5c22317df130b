"""The test bed: each run starts from the base, and what untrusted code leaves is not trusted."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from repository.testing.command_log import CommandLog
from repository.testing.install.build import build_environment
from repository.testing.models import Recipe, TestReport
from repository.testing.run.bed import TestBed
from sandbox import Sandbox
from tests.stages.workbench import (
    FIXED_CALC,
    SAMPLE,
    TESTS,
    Origin,
    build_tools,
    make_sandbox,
)

ADD = "test_calc.TestCalc::test_add"
DOUBLE = "test_calc.TestCalc::test_double"
FORGED = '<testsuite><testcase classname="test_calc.TestCalc" name="test_add"/></testsuite>'


@pytest.fixture
def sandbox() -> Sandbox:
    return make_sandbox()


class Artifacts:
    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    async def save(self, name: str, data: bytes | str) -> str:
        self.texts[name] = data.decode() if isinstance(data, bytes) else data
        return name


@pytest.fixture
def artifacts() -> Artifacts:
    return Artifacts()


@pytest.fixture
async def bed(sandbox: Sandbox, artifacts: Artifacts, tmp_path: Path) -> TestBed:
    """The environment of the sample, whose tests need nothing installed."""
    origin = Origin(tmp_path, SAMPLE)
    recipe = Recipe(
        repository="octo/calc",
        base_sha=origin.sha,
        committed_at=origin.checkout.committed_at,
        runner="unittest",
        python=f"3.{sys.version_info.minor}",
        patterns=("test_*.py",),
    )
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    tools = build_tools(sandbox, tmp_path / "cache")
    await build_environment(tools, origin.mirror, recipe, workspace, CommandLog())
    return TestBed.open(sandbox, workspace, recipe, seconds=30.0, save=artifacts.save)


async def run(bed: TestBed, changes: dict[str, bytes | None]) -> TestReport:
    return await bed.run(changes, ("test_calc.py",), label="tests")


async def run_test_file(bed: TestBed, text: str) -> TestReport:
    return await run(bed, {"test_calc.py": text.encode()})


async def test_a_workspace_without_an_environment_can_be_tried_again(
    sandbox: Sandbox, bed: TestBed, artifacts: Artifacts, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(OSError, match="no test environment"):
        TestBed.open(sandbox, empty, bed.recipe, seconds=30.0, save=artifacts.save)


async def test_each_run_starts_from_the_base(bed: TestBed) -> None:
    vandal = (
        "import os, pathlib\n"
        "pathlib.Path('calc.py').unlink()\n"
        "pathlib.Path('deep').mkdir()\n"
        "os.chmod('deep', 0)\n"
    )
    await run(bed, {"test_calc.py": vandal.encode(), "new.py": b""})
    report = await run(bed, {"calc.py": FIXED_CALC.encode()})
    assert report.results == {ADD: "passed", DOUBLE: "passed"}
    assert not (bed.workspace / "tree/new.py").exists()


async def test_a_removed_file_is_missing(bed: TestBed) -> None:
    report = await run(bed, {"calc.py": None})
    assert report.results == {"::test_calc": "error"}
    assert not report.completed
    assert "ModuleNotFoundError" in report.failures["::test_calc"]


async def test_a_run_over_its_time_limit_is_cut_short(
    sandbox: Sandbox, bed: TestBed, artifacts: Artifacts
) -> None:
    short = TestBed.open(sandbox, bed.workspace, bed.recipe, seconds=1.0, save=artifacts.save)
    report = await run_test_file(short, "import time; time.sleep(60)")
    assert report.cut_short
    assert not report.completed
    assert not report.results
    assert "ended with 124" in artifacts.texts[report.log_key]


async def test_only_the_test_over_its_time_limit_fails(
    bed: TestBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repository.testing.run.commands.SECONDS_PER_TEST", 0.2)
    slow = TESTS.replace("self.assertEqual(add(2, 3), 5)", "__import__('time').sleep(60)")
    report = await run_test_file(bed, slow)
    assert report.results == {ADD: "error", DOUBLE: "passed"}
    assert "longer than 0.2 s" in report.failures[ADD]


async def test_no_test_begins_after_the_time_limit(bed: TestBed) -> None:
    """The first test moves the clock to the end of time."""
    late = TESTS.replace("self.assertEqual(add(2, 3), 5)", "import time; time.time = lambda: 1e12")
    more = "\n    def test_later(self): ...\n    def test_latest(self): ...\n"
    report = await run_test_file(bed, late + more)
    assert report.results == {ADD: "passed", DOUBLE: "passed"}
    assert not report.completed


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
async def test_only_a_plain_junit_xml_file_is_a_report(bed: TestBed, trick: str) -> None:
    hostile = f"import os, sys\nreport = sys.argv[2]\nforged = {FORGED!r}\n{trick}\nos._exit(0)\n"
    report = await run_test_file(bed, hostile)
    assert report.results == {}
    assert not report.completed


async def test_tests_see_only_their_tree_and_their_report(bed: TestBed) -> None:
    folder = str(bed.folder_inside)
    look = f"import os\nprint(sorted(os.listdir({folder!r})), flush=True)\nos._exit(1)\n"
    report = await run_test_file(bed, look)
    assert "['report', 'tree']" in report.output


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../out", "a/../../out", ".git/hooks/post-checkout", ""]
)
async def test_a_change_outside_the_tree_is_refused(bed: TestBed, path: str) -> None:
    with pytest.raises(ValueError, match="not a valid path"):
        await run(bed, {path: b"x"})


async def test_a_change_does_not_follow_a_planted_link(bed: TestBed) -> None:
    """The prepared tree has a link in place of a changed file, as if installing had created it."""
    victim = bed.workspace / "victim"
    victim.write_text("untouched")
    planted = bed.workspace / "prepared/calc.py"
    planted.unlink()
    planted.symlink_to(victim)
    await run(bed, {"calc.py": b"hostile"})
    assert victim.read_text() == "untouched"
    assert not (bed.workspace / "tree/calc.py").is_symlink()
    assert (bed.workspace / "tree/calc.py").read_bytes() == b"hostile"


async def test_two_projects_with_a_test_of_one_name_have_two_results(bed: TestBed) -> None:
    recipe = bed.recipe.model_copy(update={"folders": ("", "libs/half")})
    failing = (
        "import unittest\nclass TestCalc(unittest.TestCase):\n  def test_double(self): 1 / 0\n"
    )
    changes: dict[str, bytes | None] = {"libs/half/test_calc.py": failing.encode()}
    tests = ("test_calc.py", "libs/half/test_calc.py")
    report = await replace(bed, recipe=recipe).run(changes, tests, label="tests")
    assert report.results[DOUBLE] == "passed"
    assert report.results[f"libs/half/{DOUBLE}"] == "error"
    assert "ZeroDivisionError" in report.failures[f"libs/half/{DOUBLE}"]


@pytest.mark.parametrize("chosen", ["elsewhere/test_calc.py", "test_gone.py"])
async def test_chosen_tests_that_are_not_there_are_never_the_whole_suite(
    bed: TestBed, chosen: str
) -> None:
    recipe = bed.recipe.model_copy(update={"folders": ("libs", "test_gone.py")})
    changes: dict[str, bytes | None] = {"test_gone.py": None}
    report = await replace(bed, recipe=recipe).run(changes, (chosen,), label="tests")
    assert not report.results
    assert not report.completed


async def test_a_file_may_become_a_folder(bed: TestBed) -> None:
    await run(bed, {"calc.py": None, "calc.py/note.txt": b"moved"})
    assert (bed.workspace / "tree/calc.py/note.txt").read_bytes() == b"moved"


async def test_finished_tests_are_counted_while_the_suite_runs(bed: TestBed) -> None:
    """The second test ends once the first one has been counted."""
    wait = "__import__('os').system('until test -e ../report/counted; do :; done')"
    waiting = TESTS.replace("self.assertEqual(double(2), 4)", wait)
    assert waiting != TESTS
    counted = bed.workspace / "report/counted"
    watched = replace(bed, report_count=lambda number: counted.touch())
    report = await run_test_file(watched, waiting)
    assert report.results[DOUBLE] == "passed"
