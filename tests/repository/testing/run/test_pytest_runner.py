"""pytest gives a test the same id in every run, whichever files it is given."""

import subprocess
import sys
from pathlib import Path

import pytest

from repository.testing.run.commands import python_runner_text
from repository.testing.run.crashes import KILLED
from repository.testing.run.pytest_files import ConfigFolders, Group
from repository.testing.run.pytest_runner import GroupRun, Reports, option_sets
from repository.testing.run.reports.junit import read_junit
from repository.testing.run.time_limits import Limits

ADD = "def test_add(): pass\n"
FILES = {
    "conftest.py": "import pytest\n@pytest.fixture\ndef one(): return 1\n",
    "alpha/pyproject.toml": """[tool.pytest.ini_options]
python_files = 'check_*.py'
addopts = '--an-option-of-a-missing-plugin'
""",
    "alpha/tests/check_a.py": "def test_add(one): assert one == 1\n",
    "alpha/tests/check_broken.py": "import gone\n",
    "delta/pytest.ini": "[pytest]\npython_functions = check_*\naddopts = --ff\n",
    "delta/tests/test_d.py": "def check_it(): pass\n",
    "beta/setup.py": "",
    "beta/tests/test_b.py": ADD,
    "gamma/tests/test_b.py": "class TestSum:\n    def test_add(self): pass\n",
}
ALL = {
    "alpha.tests.check_a::test_add": "passed",
    "::alpha.tests.check_broken": "error",
    "beta.tests.test_b::test_add": "passed",
    "delta.tests.test_d::check_it": "passed",
    "gamma.tests.test_b.TestSum::test_add": "passed",
}


def run(folder: Path, *tests: str, runner: str = "pytest") -> dict[str, str]:
    """Return the results of tests in ``folder``."""
    report = folder.parent / "junit.xml"
    cache = ("-o", f"cache_dir={folder.parent / 'cache'}")
    options = (*cache, "-p", "no:randomly", "--continue-on-collection-errors", "--")
    arguments = tests if runner == "unittest" else (*options, *tests)
    program = [sys.executable, "-c", python_runner_text(), runner, str(report), "60", "30"]
    subprocess.run([*program, *arguments], cwd=folder, check=False, capture_output=True)
    return dict(read_junit(report.read_bytes()).statuses)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Packages with and without a configuration of their own; two test files have one name."""
    tree = tmp_path / "tree"
    for path, text in FILES.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    return tree


def test_the_repositorys_own_options_are_kept_where_a_plugin_is_off_that_defines_them() -> None:
    ours = ["-o", "cache_dir=/cache", "-p", "no:randomly", "--maxfail=0"]
    assert option_sets(ours)[:2] == [ours, ["--maxfail=0"]]


def test_ids_do_not_depend_on_the_given_files(tree: Path) -> None:
    assert run(tree) == ALL
    alone = run(tree, "alpha/tests/check_a.py", "gamma/tests/test_b.py::TestSum")
    assert alone == {test: ALL[test] for test in ALL if "check_a" in test or "gamma" in test}


def test_the_folder_of_the_cache_is_there_for_plugins(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/test_cache.py").write_text(
        "import os\n"
        "def test_it(request):\n"
        "    os.mkdir(request.config.getini('cache_dir') + '/x')\n"
    )
    assert run(tmp_path / "tree") == {"test_cache::test_it": "passed"}


CRASHING = """import os, unittest
class TestSum(unittest.TestCase):
    def test_add(self): os._exit(0)
    def test_add_zero(self): pass
    def test_crash(self): os.kill(os.getpid(), 11)
"""


@pytest.mark.parametrize("runner", ["pytest", "unittest"])
def test_a_test_that_ends_the_process_has_an_error_and_the_others_run(
    tmp_path: Path, runner: str
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/test_sum.py").write_text(CRASHING)
    assert run(tmp_path / "tree", "test_sum.py", runner=runner) == {
        "test_sum.TestSum::test_add": "error",
        "test_sum.TestSum::test_add_zero": "passed",
        "test_sum.TestSum::test_crash": "error",
    }


def test_files_that_end_the_process_in_silence_are_no_passing_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GroupRun, "run", lambda *_: 0)
    top = str(tmp_path)
    reports = Reports(f"{top}/junit.xml")
    reports.add(GroupRun(Group(top), ConfigFolders(top), Limits(9.0, 9.0), []))
    assert reports.exit_code() == KILLED


def test_a_test_that_interrupts_pytest_does_not_look_like_a_lack_of_time(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_a(): raise KeyboardInterrupt\n")
    report = str(tmp_path / "junit.xml")
    program = [sys.executable, "-c", python_runner_text(), "pytest", report, "60", "30"]
    result = subprocess.run([*program, "--"], cwd=tmp_path, check=False, capture_output=True)
    assert result.returncode == KILLED
