"""Run tests in the workspace, and compare the results with the unchanged repository."""

import asyncio
import hashlib
from collections.abc import Sequence

from prompts.filters import clip, code, fenced
from repository.files import is_test_file
from repository.testing.models import TestReport, count_tests
from repository.testing.run.bed import suite_seconds
from repository.workspace import Workspace
from stages.propose_patch.agent import messages
from stages.propose_patch.agent.files import WorkspaceFiles
from stages.propose_patch.task import Task

#: Maximum number of test files that one call runs on the base; with more, none is run there.
MAX_BASE_FILES = 50
#: Characters of one test's failure.
MAX_FAILURE = 4_000
MAX_FAILURES = 5
#: Characters of the output of a run that did not complete.
MAX_OUTPUT = 10_000


class WorkspaceTests:
    """The tool ``run_tests``."""

    def __init__(
        self, task: Task, workspace: Workspace, files: WorkspaceFiles, paths: Sequence[str]
    ):
        """``paths`` are those of the base commit."""
        self._task = task
        self._workspace = workspace
        self._files = files
        self._paths = paths

    async def run(self, tests: Sequence[str], *, seconds: float) -> str:
        """Return the results of test files, folders or node ids; by default, of the chosen ones."""
        suite = self._task.suite
        if not suite.runnable or suite.base is None:
            return messages.tests_cannot_run(suite.reason)
        requested = [self._relative(test) for test in tests]
        base = await self._base_report(requested)
        report = await self._workspace.run_tests(
            requested or suite.tests,
            label="tests-agent",
            seconds=min(seconds, suite_seconds(self._task.run.limits.max_minutes)),
        )
        return describe_report(report, base)

    def _relative(self, test: str) -> str:
        path, *rest = test.split("::")
        return "::".join([self._files.shorten(path), *rest])

    async def _base_report(self, tests: Sequence[str]) -> TestReport:
        """Return the results on the base, after running and storing those not known yet."""
        suite = self._task.suite
        base = suite.base
        assert base is not None  # noqa: S101 (the suite is runnable)
        unknown = await asyncio.to_thread(self._unknown, tests)
        if not 0 < len(unknown) <= MAX_BASE_FILES:
            return base
        digest = hashlib.sha256("\0".join(unknown).encode()).hexdigest()[:16]

        async def make() -> str:
            bed = self._task.open_test_bed()
            assert bed is not None  # noqa: S101 (the suite is runnable)
            report = await bed.run({}, unknown, label="tests-base-agent")
            return report.model_dump_json()

        text = await self._task.run.remember(f"base-tests/{digest}", make)
        return base.merge(TestReport.model_validate_json(text))

    def _unknown(self, tests: Sequence[str]) -> list[str]:
        """Return the test files of the base commit whose results there are not known."""
        suite = self._task.suite
        if suite.recipe is None or (suite.whole and not suite.tests):
            return []
        unknown: set[str] = set()
        for test in tests:
            requested = test.partition("::")[0].rstrip("/")
            for path in self._paths:
                is_requested = requested in (".", path) or path.startswith(f"{requested}/")
                if is_requested and is_test_file(path, suite.recipe.patterns):
                    unknown.add(path)
        return sorted(unknown.difference(suite.tests))


def describe_report(report: TestReport, base: TestReport) -> str:
    """Describe results in comparison with the base, new failures first."""
    if not report.results:
        return f"The tests did not run:\n\n{fenced(clip(report.output, MAX_OUTPUT))}"
    fixed = sorted(report.green & base.red)
    broken = sorted(report.red & base.results.keys() - base.red)
    unknown = sorted(report.red - base.results.keys())
    old = sorted(report.red & base.red)
    groups = (
        ("Failed without your changes and pass now", fixed),
        ("Fail, but did not fail without your changes", broken),
        ("Fail, and were not run without your changes", unknown),
        ("Fail with and without your changes", old),
    )
    parts = [f"{count_tests(len(report.green))} passed, {len(report.red)} failed."]
    for heading, tests in groups:
        if tests:
            parts.append(f"{heading}: {messages.listing(tests)}.")
    parts += _describe_failures(report, [*broken, *unknown, *old])
    if not report.completed:
        output = fenced(clip(report.output, MAX_OUTPUT))
        parts.append(f"The run did not complete; the end of its output:\n\n{output}")
    return "\n\n".join(parts)


def _describe_failures(report: TestReport, tests: Sequence[str]) -> list[str]:
    parts: list[str] = []
    for test in tests[:MAX_FAILURES]:
        output = clip(report.failures.get(test, ""), MAX_FAILURE)
        name = code(clip(test, 300))
        parts.append(f"{name}:\n\n{fenced(output)}")
    return parts
