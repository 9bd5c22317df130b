"""What keeps a suite that passes from covering a change, without a run that records lines."""

from collections.abc import Sequence
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
        version=None,
        runner="pytest",
        python="3.11",
        packaged=False,
        extras=(),
        requirements=(),
        source_root="",
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
    reason = await tester.describe_uncovered(files, TRIAL, "1-0")
    assert reason == "1 test of the base would not pass without its changes to tests"


@pytest.mark.parametrize("path", ["README.txt", "docs/a.txt", "CHANGES/12.bugfix.txt", "a.md"])
async def test_prose_is_documentation(tester: CoverageTester, path: str) -> None:
    reason = await tester.describe_uncovered({path: b""}, TRIAL, "1-0")
    assert reason == "it changes only tests and documentation"


@pytest.mark.parametrize("path", ["requirements.txt", "CMakeLists.txt"])
async def test_a_text_file_that_is_no_prose_can_be_removed_with_effect(
    tester: CoverageTester, path: str
) -> None:
    reason = await tester.describe_uncovered({path: None}, TRIAL, "1-0")
    assert reason == f"whether a test covers the removal of {path} is not known"
