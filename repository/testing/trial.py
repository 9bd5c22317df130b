"""Comparison of a candidate's test results with those of the base.

``docs/verdicts.md`` states the rules.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from repository.testing.models import TestReport, is_load_error
from repository.testing.places import TestPlaces, beginnings, place_of

#: A run that ended at its time limit says something about the tests that it did not reach only if
#: the run without the change took less than this share of its time.
_CLEARLY_FASTER = 0.5


@dataclass(frozen=True)
class Trial:
    """The test runs of one candidate and the conclusions from them."""

    base: TestReport
    own: TestReport | None
    """The patch's test files on the base, without the rest of the patch; None if it has none."""
    after: TestReport
    tests: tuple[str, ...]
    """The test files of ``after``; empty for the whole suite."""
    whole_suite: bool
    own_files: tuple[str, ...] = ()
    """The test files that the patch writes or removes."""
    shows_removed: bool = False
    """Whether ``own`` is a run of the whole suite without test files that the patch removes.

    Then it shows which tests are gone with them, also where ids don't name files (Go, Java).
    """
    unbuilt: tuple[str, ...] = ()
    """Changed sources of extension modules that could not be compiled for the tests."""
    flaky: frozenset[str] = frozenset()
    """Tests that ended differently, or were missing, when run again on the same code."""
    broken_unstable: frozenset[str] = frozenset()
    """Failing tests whose ids differ in each run, of functions that pass without the patch."""
    unrepeated: bool = False
    """Whether no time was left to run the tests again; then none proves anything."""
    uncovered: str = ""
    """What of the change no test covers, as the end of a sentence; known if ``suite_passes``."""

    @cached_property
    def red_before(self) -> frozenset[str]:
        if self.own is None:
            return self.base.red
        return self.base.red | self.own.red

    @cached_property
    def fixed(self) -> frozenset[str]:
        """Tests that the whole patch fixes, but its changes to the tests don't fix by themselves.

        A test whose file fails to load without the patch, for example because of a missing import,
        counts as failing there.
        """
        new = self.after.green - self.base.results.keys()
        failing = self.red_before | _not_loaded(new, self.base)
        if self.own is not None:
            failing |= _not_loaded(new, self.own)
            failing -= self.own.results.keys() - self.own.red
        return (failing & self.after.green) - self.flaky

    @cached_property
    def fixed_new(self) -> frozenset[str]:
        """Those of ``fixed`` that the base does not have, as far as its run shows."""
        if not self.base.loaded or self.base.cut_short:
            return frozenset()
        return self.fixed - self.base.results.keys()

    @cached_property
    def broken(self) -> frozenset[str]:
        """Tests that pass without the patch and fail with it."""
        return (self._green_before & self.after.red) - self.flaky | self.broken_unstable

    @cached_property
    def lost(self) -> frozenset[str]:
        """Tests that pass without the patch and no longer run.

        Those that the patch itself removes, or moves to another file, don't count.
        """
        kept_by_own_version = self.own.green if self.own is not None else frozenset()
        missing = self._not_run - self.flaky
        if self.shows_removed and self.own is not None and self.own.completed:
            return missing & kept_by_own_version
        removed = {test for test in missing if self._is_rewritten(test) or self._is_moved(test)}
        return missing - (removed - kept_by_own_version)

    @cached_property
    def failing_new(self) -> frozenset[str]:
        """Failing tests that the base does not have, where tests like them can pass."""
        if self.unbuilt:
            return frozenset()
        new = self.after.red - self.base.results.keys() - self.broken - self.flaky
        if len(self.after.green) >= len(self.after.red & self.base.red):
            return new
        return frozenset(test for test in new if place_of(test) in self._places_with_green)

    @cached_property
    def _places_with_green(self) -> frozenset[str]:
        return frozenset(place_of(test) for test in self._green_before | self.after.green)

    @property
    def accused(self) -> frozenset[str]:
        """Tests that count against the patch."""
        return self.broken | self.lost | self.failing_new | self.newly_failing

    @property
    def decisive(self) -> frozenset[str]:
        """Tests that count for or against the patch."""
        return self.accused | self.fixed

    @property
    def decided_by_own(self) -> frozenset[str]:
        """Decisive tests that must be run again with only the patch's tests.

        A test that the base passes can be among them: the patch's version of it may fail there.
        """
        unchanged = self.base.green | self.broken_unstable | self.failing_new | self.newly_failing
        return self.fixed | (self.accused - unchanged)

    @cached_property
    def newly_passing(self) -> frozenset[str]:
        return self.base.red & self.after.green

    @property
    def has_tests(self) -> bool:
        """Whether the repository or the change has any test."""
        return bool(self.base.results) or self.own is not None

    @property
    def suite_passes(self) -> bool:
        """Whether the whole suite is green, though nothing that was red before."""
        if self.fixed or self.unbuilt or self.dropped or self.silenced or not self.whole_suite:
            return False
        return self.after.completed and bool(self.after.green) and not self.after.red

    @property
    def regressions(self) -> int:
        return len(self.broken) + len(self.lost)

    @cached_property
    def dropped(self) -> int:
        """Number of green tests that the patch itself removes."""
        missing = self._not_run - self.flaky - self.lost
        return sum(not self._is_moved(test) for test in missing)

    @cached_property
    def silenced(self) -> frozenset[str]:
        """Tests that fail without the patch and with it no longer run, for any reason."""
        run = self.after.green | self.after.red
        missing = self.base.red - run - _not_reached(self.base.red, self.after)
        functions = {_without_parameters(test) for test in run}
        return frozenset(
            test
            for test in missing
            if not is_load_error(test)
            and not self._is_moved(test)
            and _without_parameters(test) not in functions
        )

    @cached_property
    def newly_failing(self) -> frozenset[str]:
        """Tests that were skipped, or expected to fail, and now count as failures."""
        skipped = self.base.results.keys() - self.base.green - self.base.red
        return self.after.red & skipped - self.broken - self.flaky

    def repeat_after(self, report: TestReport) -> "Trial":
        """Return the trial after another run with the patch.

        A test that must be green or red must be so again.
        """
        unreached = self._unreached(report)
        changed = (self.broken | self.lost) & (report.green | unreached)
        changed |= (self.failing_new | self.newly_failing) - report.red
        changed |= self.fixed - report.green
        return self._with_flaky(changed)

    def repeat_base(self, report: TestReport) -> "Trial":
        """Return the trial after another run on the base."""
        passing = report.green | _not_reached(self.base.green, report)
        changed = (self.broken | self.lost) & (self.base.green - passing)
        changed |= self.failing_new & report.red
        changed |= self.newly_failing & (report.green | report.red)
        return self._with_flaky(changed)

    def repeat_own(self, report: TestReport) -> "Trial":
        """Return the trial after another run on the base with only the patch's tests."""
        failing = _not_loaded(self.fixed, report) | report.red
        changed = self.fixed - failing
        accused = (self.broken | self.lost) - self.base.green
        changed |= accused - report.green - _not_reached(accused, report)
        return self._with_flaky(changed - self.broken_unstable)

    def _with_flaky(self, changed: frozenset[str]) -> "Trial":
        return replace(self, flaky=self.flaky | changed)

    @cached_property
    def _green_before(self) -> frozenset[str]:
        """Tests that must stay green.

        There are none if a part of the change is not compiled: the rest may well fail without it.
        """
        if self.unbuilt:
            return frozenset()
        return self.base.green if self.own is None else self.base.green | self.own.green

    @cached_property
    def _not_run(self) -> frozenset[str]:
        """Tests that were green and are now missing or skipped."""
        run = self.after.green | self.after.red
        return self._green_before - run - self._unreached(self.after)

    def _unreached(self, report: TestReport) -> frozenset[str]:
        """Return the missing tests about which a run with the patch says nothing."""
        if not self.base.cut_short and self.base.seconds < report.seconds * _CLEARLY_FASTER:
            return frozenset()
        return _not_reached(self._green_before, report)

    def _is_rewritten(self, test: str) -> bool:
        """Whether a test is in a file that the patch writes or removes."""
        return place_of(test) in self._own_modules or self._own_places.contain(test)

    def _is_moved(self, test: str) -> bool:
        """Whether a test of the same name is new, and passes, in a file that the patch writes."""
        return _name(test) in self._new_names

    @cached_property
    def _own_places(self) -> TestPlaces:
        return TestPlaces(self.own_files)

    @cached_property
    def _new_names(self) -> frozenset[str]:
        new = self.after.green - self.base.results.keys()
        return frozenset(_name(test) for test in new if self._is_rewritten(test))

    @cached_property
    def _own_modules(self) -> frozenset[str]:
        if self.own is None:
            return frozenset()
        return frozenset(place_of(test) for test in self.own.results)


def _not_loaded(tests: Iterable[str], report: TestReport) -> frozenset[str]:
    """Return the tests without a result because their file failed to load, or nothing ran."""
    if report.completed or report.cut_short:
        return frozenset()
    missing = frozenset(tests) - report.results.keys()
    errors = {place_of(entry) for entry in report.red if is_load_error(entry)}
    if not errors:
        return frozenset() if report.ran else missing
    return frozenset(test for test in missing if _is_named(place_of(test), errors))


def _is_named(place: str, errors: Collection[str]) -> bool:
    """Whether an error stands for a place, by its whole name or the last part of a file's name.

    unittest gives only that part of a file that was chosen by its dotted name.
    """
    for beginning in beginnings(place):
        if beginning in errors or beginning.rpartition(".")[2] in errors:
            return True
    return False


def _not_reached(tests: frozenset[str], report: TestReport) -> frozenset[str]:
    """Return the tests that have no result because time ran out."""
    return tests - report.results.keys() if report.cut_short else frozenset()


def _without_parameters(test: str) -> str:
    return test.partition("[")[0]


def _name(test: str) -> str:
    """Return the name of a test without its file and class."""
    return test.partition("::")[2]
