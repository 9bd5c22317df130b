"""Comparison of a candidate's test results with those of the base."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from repository.testing.models import TestReport


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
    unbuilt: tuple[str, ...] = ()
    """Changed sources of extension modules that could not be compiled for the tests."""
    flaky: frozenset[str] = frozenset()
    """Tests that ended differently when run again on the same code."""

    @cached_property
    def red_before(self) -> frozenset[str]:
        if self.own is None:
            return self.base.red
        return self.base.red | self.own.red

    @cached_property
    def fixed(self) -> frozenset[str]:
        """Tests that the whole patch fixes, but its changes to the tests don't fix by themselves.

        A new test whose file fails to load on the base, for example because of a missing import,
        counts as failing there.
        """
        failing = self.red_before
        green_by_own_version: Collection[str] = ()
        if self.own is not None:
            green_by_own_version = self.own.green
            if not self.own.completed:
                failing |= self.after.green - self.base.results.keys()
        fixed = failing & self.after.green
        return fixed.difference(self.flaky, green_by_own_version)

    @cached_property
    def broken(self) -> frozenset[str]:
        """Red tests that were green before, or are new."""
        return self.after.red - self.base.red - self.flaky

    @cached_property
    def lost(self) -> frozenset[str]:
        """Green tests that no longer run, except in modules that the patch itself rewrites."""
        if self.own is None:
            return self._not_run
        rewritten = {_module(test) for test in self.own.results}
        return frozenset(test for test in self._not_run if _module(test) not in rewritten)

    @cached_property
    def newly_passing(self) -> frozenset[str]:
        return self.base.red & self.after.green

    @property
    def has_tests(self) -> bool:
        """Whether the repository or the change has any test."""
        return bool(self.base.results) or self.own is not None

    @property
    def regressions(self) -> int:
        return len(self.broken) + len(self.lost)

    @property
    def dropped(self) -> int:
        """Number of green tests that the patch itself removes from their file."""
        return len(self._not_run) - len(self.lost)

    @cached_property
    def _not_run(self) -> frozenset[str]:
        """Tests that were green and are now missing or skipped.

        A run that was cut short says nothing about the tests that it did not reach.
        """
        if self.base.cut_short or self.after.cut_short:
            return frozenset()
        missing: set[str] = set()
        for test in self.base.green:
            status = self.after.results.get(test, "skipped")
            if status == "skipped":
                missing.add(test)
        return frozenset(missing)


def _module(test: str) -> str:
    return test.partition("::")[0]
