"""Repeat the runs that decide about a change: only what stays the same counts.

A test that ends at random, half of the time green, passes for fixed or broken with probability
1/256: it must be red four times on one side and green four times on the other.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from repository.testing.folders import Changes
from repository.testing.models import TestReport
from repository.testing.places import TestPlaces
from repository.testing.run.bed import TestBed
from repository.testing.trial import Trial
from repository.testing.unstable_ids import find_broken

#: How often a run is repeated.
REPETITIONS = 3
#: After this time, no further repetition begins.
_MAX_SECONDS = 60.0
#: Faster runs are repeated as a whole, since tests may depend on those before them. Of slower ones,
#: only the files of decisive tests are.
_MAX_SECONDS_OF_ALL = 20.0


@dataclass(frozen=True)
class Repetition:
    """Repeats the runs of one change."""

    bed: TestBed
    files: Changes
    """The change."""
    own_changes: Changes
    """The part of it that belongs to tests."""
    base_tests: Collection[str]
    """The base's test files."""
    seconds_left: Callable[[], float]
    """How long the service's run may still take: what would take longer does not begin."""

    async def repeat(self, trial: Trial, label: str) -> Trial:
        """Return the trial with the tests whose results differ from one run to another."""
        seconds = 0.0
        for number in range(1, REPETITIONS + 1):
            decided = trial.after.results and not trial.decisive
            if decided or seconds > _MAX_SECONDS:
                break
            if _expected_seconds(trial) > self.seconds_left():
                return replace(trial, unrepeated=number == 1)
            repeated, reports = await self._repeat_once(trial, f"again-{number}-{label}")
            if number > 1 and any(report.cut_short for report in reports):
                break  # the machine is busy: what the repetition before has shown counts
            if number > 1:
                unstable = repeated.broken_unstable & trial.broken_unstable
                repeated = replace(repeated, broken_unstable=unstable)
            trial = repeated
            seconds += sum(report.seconds for report in reports)
        return trial

    async def _repeat_once(self, trial: Trial, label: str) -> tuple[Trial, list[TestReport]]:
        """Return the trial after one more run of each side that matters, and their reports."""
        tests = self._tests_to_repeat(trial)
        after = await self.bed.run(self.files, tests, label=f"tests-{label}")
        if not trial.after.results and after.results:
            return replace(trial, after=after), [after]
        base = await self._run_base(trial, tests, label)
        repeated = trial.repeat_after(after)
        if base is not None:
            repeated = repeated.repeat_base(base)
            broken = find_broken((trial.base, base), (trial.after, after))
            repeated = replace(repeated, broken_unstable=broken)
        own = await self._run_own(repeated, tests, label)
        if own is not None:
            repeated = repeated.repeat_own(own)
        return repeated, [report for report in (after, base, own) if report is not None]

    async def _run_base(self, trial: Trial, tests: Sequence[str], label: str) -> TestReport | None:
        """Run the tests on the base if one counts against the change."""
        on_base = [path for path in tests if path in self.base_tests]
        if not trial.accused or (tests and not on_base):
            return None
        return await self.bed.run({}, on_base, label=f"tests-base-{label}")

    async def _run_own(self, trial: Trial, tests: Sequence[str], label: str) -> TestReport | None:
        """Run the change's own tests without the rest of it, if one of them decides."""
        if not trial.decided_by_own:
            return None
        return await self.bed.run(self.own_changes, tests, label=f"tests-own-{label}")

    def _tests_to_repeat(self, trial: Trial) -> Sequence[str]:
        """Return the files to run again (none: all)."""
        if trial.after.seconds <= _MAX_SECONDS_OF_ALL and not trial.after.cut_short:
            return trial.tests
        places = TestPlaces({*self.base_tests, *trial.own_files})
        return places.all_files_of(trial.decisive) or trial.tests


def _expected_seconds(trial: Trial) -> float:
    """Return how long one more run of each side that matters takes, at most."""
    runs = 1 + bool(trial.accused) + bool(trial.decided_by_own)
    return runs * trial.after.seconds
