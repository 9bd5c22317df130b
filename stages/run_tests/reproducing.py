"""Run the test made from the issue, which is not part of a change, without and with the change."""

from collections.abc import Mapping
from dataclasses import dataclass

from repository.testing.folders import Changes
from repository.testing.models import TestReport
from repository.testing.repetition import REPETITIONS
from repository.testing.run.bed import TestBed
from stages.propose_patch import Reproduction


@dataclass(frozen=True)
class ReproductionRuns:
    """Runs of the reproduction test; it must end alike in each on the same code."""

    bed: TestBed
    changes: Changes
    """The change to test."""
    reproduction: Reproduction
    label: str

    async def run_with_change(self) -> TestReport:
        return await self._run(self.changes, self.label)

    def passes(self, report: TestReport) -> bool:
        return report.green.issuperset(self.reproduction.tests)

    def seconds_to_repeat(self, report: TestReport) -> float:
        """Return how long ``repeats`` takes if a run takes as long as that of a report."""
        return 2 * REPETITIONS * report.seconds

    async def repeats(self) -> bool:
        """Whether it fails again without the change and passes again with it, each time."""
        for number in range(1, REPETITIONS + 1):
            without = await self._run({}, f"{self.label}-base-again-{number}")
            if not without.red.issuperset(self.reproduction.tests):
                return False
            report = await self._run(self.changes, f"{self.label}-again-{number}")
            if not self.passes(report):
                return False
        return True

    async def _run(self, changes: Changes, label: str) -> TestReport:
        tests = self._test_files
        return await self.bed.run({**changes, **tests}, sorted(tests), label=label)

    @property
    def _test_files(self) -> Mapping[str, bytes]:
        return {path: text.encode() for path, text in self.reproduction.files.items()}
