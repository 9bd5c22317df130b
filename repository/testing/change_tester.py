"""Test a change: first only its tests, then all of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from repository.files import belongs_to_tests, is_test_file
from repository.git import Mirror
from repository.testing.covering import find_covering_tests
from repository.testing.docstring_examples import runs_examples, take_over_docstrings
from repository.testing.folders import Changes
from repository.testing.inline_tests import take_over_inline_tests
from repository.testing.models import Recipe, Suite, TestReport
from repository.testing.repetition import Repetition
from repository.testing.run.bed import TestBed
from repository.testing.trial import Trial

#: If the chosen tests take longer, none are added to them.
_MAX_SECONDS_FOR_MORE = 60.0


@dataclass(frozen=True)
class _OwnTests:
    """The part of a change that belongs to tests."""

    changes: Changes
    files: list[str]
    """The files with tests that it writes, without helpers and data."""
    removed: list[str]
    """The test files that it removes."""


def _own_tests(files: Changes, recipe: Recipe) -> _OwnTests:
    changes: dict[str, bytes | None] = {}
    test_files: list[str] = []
    removed: list[str] = []
    for path, content in files.items():
        if not belongs_to_tests(path, recipe.patterns):
            continue
        changes[path] = content
        if is_test_file(path, recipe.patterns):
            (removed if content is None else test_files).append(path)
    return _OwnTests(changes, test_files, removed)


@dataclass(frozen=True)
class ChangeTester:
    """Runs the tests that decide about a change, each run in a fresh tree of the test bed."""

    bed: TestBed
    mirror: Mirror
    suite: Suite
    base: TestReport

    async def try_change(self, files: Changes, label: str) -> Trial:
        """Run the tests without and with the change; ``label`` names the logs."""
        own_tests = await asyncio.to_thread(self._own_tests, files)
        if not self.base.results and not own_tests.files:
            return Trial(self.base, None, self.base, tests=(), whole_suite=False)
        own: TestReport | None = None
        shows_removed = bool(own_tests.removed) and self.suite.whole
        if own_tests.changes:
            tests = () if shows_removed else own_tests.files or self.suite.tests
            own = await self.bed.run(own_tests.changes, tests, label=f"tests-own-{label}")
        base, tests = await self._select_tests(files, own_tests.files, label)
        after = await self.bed.run(files, tests, label=f"tests-{label}")
        return Trial(
            base=base,
            own=own,
            after=after,
            tests=tuple(tests),
            whole_suite=self.suite.whole,
            own_files=(*own_tests.files, *own_tests.removed),
            shows_removed=shows_removed,
            unbuilt=after.unbuilt,
        )

    async def repeat(
        self, files: Changes, trial: Trial, label: str, seconds_left: Callable[[], float]
    ) -> Trial:
        """Repeat the runs that the verdict depends on, and note the tests whose results differ.

        ``seconds_left`` returns how long that may take.
        """
        if not trial.has_tests:
            return trial
        own = await asyncio.to_thread(self._own_tests, files)
        base_tests = await asyncio.to_thread(self._base_tests)
        repetition = Repetition(self.bed, files, own.changes, base_tests, seconds_left)
        return await repetition.repeat(trial, label)

    def _own_tests(self, files: Changes) -> _OwnTests:
        """Return the part of a change that belongs to tests; sources may have some, too."""
        own = _own_tests(files, self.bed.recipe)
        inline = self._inline_tests(files)
        return replace(own, changes={**own.changes, **inline}, files=[*own.files, *inline])

    def _inline_tests(self, files: Changes) -> dict[str, bytes]:
        take_over = self._take_over_inline_tests()
        if take_over is None:
            return {}
        suffix, take_over_tests = take_over
        inline: dict[str, bytes] = {}
        for path, new in files.items():
            is_source = path.endswith(suffix) and not belongs_to_tests(
                path, self.bed.recipe.patterns
            )
            old = self.mirror.read(self.bed.recipe.base_sha, path) if is_source else None
            if old is None or new is None:
                continue
            try:
                text = take_over_tests(old.decode(), new.decode())
            except UnicodeDecodeError:
                continue  # other text than the source's would prove nothing
            if text is not None:
                inline[path] = text.encode()
        return inline

    def _take_over_inline_tests(self) -> tuple[str, Callable[[str, str], str | None]] | None:
        """Return which sources may have tests inside, and what takes over those of a change."""
        if self.bed.recipe.runner == "cargo":
            return ".rs", take_over_inline_tests
        if self.bed.recipe.runner == "pytest" and runs_examples(self.base):
            return ".py", take_over_docstrings
        return None

    def _base_tests(self) -> frozenset[str]:
        """Return the base's test files; the chosen ones are, whatever their names."""
        recipe = self.bed.recipe
        paths = [entry.path for entry in self.mirror.files(recipe.base_sha)]
        named = [path for path in paths if is_test_file(path, recipe.patterns)]
        return frozenset([*named, *self.suite.tests])

    async def _select_tests(
        self, files: Changes, own_tests: list[str], label: str
    ) -> tuple[TestReport, list[str]]:
        """Return the base report and the test files to run (empty: the whole suite).

        If only a part of the suite was chosen, the test files that the patch changes are added, and
        those that cover its other changes. They are run on the base first.
        """
        if self.suite.whole:
            return self.base, []
        chosen = self.suite.tests
        more = await self._additional_tests(files, own_tests)
        if more:
            report = await self.bed.run({}, more, label=f"tests-base-more-{label}")
            if report.ran:
                tests = [*chosen, *more, *own_tests]
                return self.base.merge(report), list(dict.fromkeys(tests))
        return self.base, list(dict.fromkeys([*chosen, *own_tests]))

    async def _additional_tests(self, files: Changes, own_tests: list[str]) -> list[str]:
        sha = self.bed.recipe.base_sha
        tests: list[str] = []
        for path in own_tests:
            if path in self.suite.tests:
                continue
            if await asyncio.to_thread(self.mirror.read, sha, path) is not None:
                tests.append(path)
        if self.bed.recipe.runner == "cargo":
            # The package of a changed source is tested as a whole.
            tests += [path for path in files if path.endswith(".rs") and path not in own_tests]
        if self.base.seconds <= _MAX_SECONDS_FOR_MORE:
            tests += await asyncio.to_thread(
                find_covering_tests,
                self.mirror,
                sha,
                self.bed.recipe,
                list(files),
                [*self.suite.tests, *tests],
            )
        return tests
