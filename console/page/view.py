"""What the template of a run's page shows, beside the report itself."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from console.html.bars import Lane, Tone
from console.html.diffs import FileDiff, Row, cut_lines, mark_words, read_patch
from console.page.commands import Commands
from console.page.lanes import money_lanes, timeline_lanes
from console.page.tests_table import TestTable, make_test_table
from console.page.time_axis import TimeAxis
from console.runs.report import RunReport
from console.runs.rounds import ProposedChange
from console.runs.source import artifact_key
from pipeline.outcome import Outcome, Verification
from pipeline.store.contract import Moment

#: Entries of a run's history that are errors or waits.
_TROUBLE = ("try failed", "waits", "stopped")


@dataclass(frozen=True)
class TextLimits:
    """Characters that are shown of each text, and the rows of each patch."""

    log: int
    prompt: int
    step: int
    """Of each text of an agent's step."""
    file: int
    patch_rows: int
    patch_line: int
    """Characters."""

    def divided(self, divisor: int) -> "TextLimits":
        return TextLimits(
            log=self.log // divisor,
            prompt=self.prompt // divisor,
            step=self.step // divisor,
            file=self.file // divisor,
            patch_rows=self.patch_rows // divisor,
            patch_line=self.patch_line // divisor,
        )


@dataclass(frozen=True)
class PatchView:
    """A patch, perhaps with its last rows left out."""

    files: tuple[FileDiff, ...]
    rows_left_out: int


@dataclass(frozen=True)
class PageView:
    report: RunReport
    tone: Tone
    """Of the outcome."""
    commands: Commands
    limits: TextLimits
    timeline_lanes: tuple[Lane, ...]
    has_short_waits: bool
    """Whether long waits are drawn shorter than they were."""
    money_lanes: tuple[Lane, ...]
    tests: TestTable
    trouble: tuple[Moment, ...]
    """Failed tries, waits and the error that ended the run."""
    artifacts: tuple[tuple[str, str], ...]
    """Name and key. Addresses may hold signatures, which differ each time."""

    def patch(self, change: ProposedChange) -> PatchView:
        """Return a change's patch, cut after the rows that may be shown."""
        files: list[FileDiff] = []
        left = self.limits.patch_rows
        left_out = 0
        for file in read_patch(change.patch or ""):
            shown = tuple(self._shown(row) for row in file.rows[:left])
            left -= len(shown)
            left_out += len(file.rows) - len(shown)
            files.append(replace(file, rows=shown))
        return PatchView(tuple(files), left_out)

    def _shown(self, row: Row) -> Row:
        return cut_lines(mark_words(row), self.limits.patch_line)


def make_view(report: RunReport, limits: TextLimits) -> PageView:
    """Return what the page shows of a report."""
    history = report.timeline.moments
    return PageView(
        report=report,
        tone=_tone(report),
        commands=Commands(report.run.key),
        limits=limits,
        timeline_lanes=timeline_lanes(report.timeline),
        has_short_waits=TimeAxis(report.timeline).has_cuts,
        money_lanes=money_lanes(report.spending),
        tests=make_test_table(report.tests, report.rounds),
        trouble=tuple(moment for moment in history if moment.what in _TROUBLE),
        artifacts=tuple(_artifacts(report)),
    )


def _artifacts(report: RunReport) -> Iterator[tuple[str, str]]:
    addresses = report.result.artifacts if report.result is not None else {}
    for name, address in sorted(addresses.items()):
        key = artifact_key(report.run.key, address)
        if key is not None:
            yield name, key


def _tone(report: RunReport) -> Tone:
    outcome = report.run.outcome
    if outcome is None:
        return ""
    if outcome == Outcome.FAILED:
        return "bad"
    is_verified = report.headline.verification != Verification.NOT_VERIFIED
    return "good" if Outcome(outcome).is_success and is_verified else "warn"
