"""What keeps a suite that passes from covering a change, without a run that records lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from repository.testing.coverage.uncovered import CoverageTester
from repository.testing.folders import Changes
from repository.testing.models import Recipe, TestReport
from repository.testing.trial import Trial

GREEN = TestReport(
    results={"tests.test_a::t": "passed"}, completed=True, failures={}, seconds=1.0, log_key=""
)
NOTHING = GREEN.model_copy(update={"results": {}, "completed": False})
TRIAL = Trial(GREEN, GREEN, GREEN, tests=(), whole_suite=True)


class FakeBed:
    """A test bed in which each run crashes without the change's tests."""

    recipe = Recipe(
        repository="octo/shop",
        base_sha="0" * 40,
        committed_at=0,
        runner="pytest",
        python="3.11",
        patterns=("test_*.py",),
    )

    async def run(self, changes: Changes, tests: Sequence[str], *, label: str) -> TestReport:
        return GREEN if any(path.startswith("tests/") for path in changes) else NOTHING


class FakeMirror:
    def read(self, treeish: str, path: str) -> bytes | None:
        return None


@pytest.fixture
def tester() -> CoverageTester:
    bed: Any = FakeBed()
    mirror: Any = FakeMirror()
    return CoverageTester(bed, mirror)


async def test_tests_that_only_run_thanks_to_a_new_conftest_are_named(
    tester: CoverageTester,
) -> None:
    files: Changes = {"calc.py": b"", "tests/conftest.py": b""}
    reason = await tester.describe_uncovered(files, files, TRIAL, "1-0")
    assert reason == "1 test of the base would not pass without its changes to tests"


@pytest.mark.parametrize("path", ["README.txt", "docs/a.txt", "CHANGES/12.bugfix.txt", "a.md"])
async def test_prose_is_documentation(tester: CoverageTester, path: str) -> None:
    reason = await tester.describe_uncovered({path: b""}, [path], TRIAL, "1-0")
    assert reason == "it changes only tests and documentation"


@pytest.mark.parametrize("path", ["requirements.txt", "CMakeLists.txt"])
async def test_a_text_file_that_is_no_prose_can_be_removed_with_effect(
    tester: CoverageTester, path: str
) -> None:
    reason = await tester.describe_uncovered({path: None}, [path], TRIAL, "1-0")
    assert reason == f"whether a test covers the removal of {path} is not known"


class RedBed(FakeBed):
    """A test bed in which a test fails from now on."""

    workspace = Path("/nowhere")

    @property
    def environment(self) -> "RedBed":
        return self

    def process_variables(self, workspace: Path) -> dict[str, str]:
        return {}

    def with_variables(self, variables: dict[str, str]) -> "RedBed":
        return self

    async def run(self, changes: Changes, tests: Sequence[str], *, label: str) -> TestReport:
        return GREEN.model_copy(update={"results": {"tests.test_a::t": "failed"}})


async def test_a_suite_that_fails_when_it_runs_again_does_not_pass() -> None:
    bed: Any = RedBed()
    mirror: Any = FakeMirror()
    tester = CoverageTester(bed, mirror)
    reason = await tester.describe_uncovered({"calc.py": b"a = 1\n"}, ["calc.py"], TRIAL, "1-0")
    assert reason == "1 test failed when the suite ran again to be recorded"
