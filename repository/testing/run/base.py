"""Run the tests on the base commit: find a runner that works and files that can be run."""

from collections.abc import Callable
from dataclasses import dataclass

from repository.testing.models import TestReport
from repository.testing.run.bed import TestBed

#: Number of chosen files that remain if all together are too slow.
_FEWER_FILES = 2
#: A run that ends sooner without running a test is repeated file by file.
_QUICK_SECONDS = 30.0
_LABEL = "tests-base"


@dataclass(frozen=True)
class BaseRun:
    """A run on the base commit: the test bed with the chosen runner, the files and the report."""

    bed: TestBed
    tests: tuple[str, ...]
    """Empty for the whole suite."""
    report: TestReport


async def run_on_base(
    bed: TestBed, tests: tuple[str, ...], progress: Callable[[str], None]
) -> BaseRun:
    """Run tests (none: all) with the first runner that passes any; else, with that which runs most.

    Fewer files are run if all together are too slow or some are broken.
    """
    runs: list[BaseRun] = []
    for runner in bed.recipe.runners:
        amount = f"{len(tests)} test files" if tests else "all tests"
        progress(f"running {amount} on the base with {runner}")
        base_run = await _run_with(bed.with_runner(runner), tests, progress)
        if base_run.report.green:
            return base_run
        runs.append(base_run)
        tests = base_run.tests
    return max(runs, key=_count_results)  # the first one wins a tie


async def _run_with(
    bed: TestBed, tests: tuple[str, ...], progress: Callable[[str], None]
) -> BaseRun:
    report = await bed.run({}, tests, label=_LABEL)
    gave_up = not report.ran and report.seconds < _QUICK_SECONDS
    if gave_up and len(tests) > 1:
        progress("broken together; running each file separately")
        return await _run_without_broken(bed, tests, report)
    too_slow = not report.results and not report.completed
    if too_slow and len(tests) > _FEWER_FILES:
        progress("too slow together; running fewer")
        fewer = tests[:_FEWER_FILES]
        report = await bed.run({}, fewer, label=_LABEL)
        return BaseRun(bed, fewer if report.results else tests, report)
    return BaseRun(bed, tests, report)


async def _run_without_broken(bed: TestBed, tests: tuple[str, ...], report: TestReport) -> BaseRun:
    """Leave out files that need something that this machine lacks, such as a database.

    Because of such a file, the runner gives up on all others too.
    """
    working: list[str] = []
    for test in tests:
        single = await bed.run({}, (test,), label=_LABEL)
        if single.ran:
            working.append(test)
    if not working:
        return BaseRun(bed, tests, report)
    report = await bed.run({}, working, label=_LABEL)
    return BaseRun(bed, tuple(working), report)


def _count_results(base_run: BaseRun) -> int:
    if not base_run.report.ran:
        return 0
    return len(base_run.report.results)
