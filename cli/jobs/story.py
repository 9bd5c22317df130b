"""A run as a story: what happened to which issue, round by round, and what to do next."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from console.html.diffs import read_patch
from console.runs.next_steps import NextStep
from console.runs.report import RunReport
from console.runs.rounds import ProposedChange, RoundReport
from console.runs.test_results import TestResults
from console.visible_text import visible
from prompts.filters import clip, one_line
from repository.counts import count
from repository.testing.models import count_tests

MAX_TESTS = 5
"""Names of tests in one place."""
MAX_FILES = 5
_MAX_SUMMARY = 400
_LABEL_WIDTH = 9
_STATEMENT = " " * _LABEL_WIDTH
_ITEM = _STATEMENT + "  "
_GOOD = ("pr_opened", "proposed", "no_change_needed")


@dataclass(frozen=True)
class StoryLine:
    """A line of text that is safe to print, and its style in rich's words."""

    text: str
    style: str = ""


def tell(report: RunReport, width: int) -> list[StoryLine]:
    """Return the story in lines of at most ``width`` characters; addresses are never broken."""
    writer = _Writer(width)
    _write_outcome(writer, report)
    _write_issue(writer, report)
    _write_tests_before(writer, report.tests)
    if report.calls:
        for round_ in report.rounds:
            _write_round(writer, round_, report)
    _write_proof(writer, report.tests)
    _write_effects(writer, report)
    _write_delays(writer, report)
    writer.write("Cost", report.headline.effort)
    for problem in report.problems:
        writer.write("Note", problem, style="yellow")
    _write_next_steps(writer, report.next_steps)
    return writer.lines


class _Writer:
    """Breaks text into lines."""

    def __init__(self, width: int):
        self.lines: list[StoryLine] = []
        self._width = width

    def write(self, label: str, text: str, style: str = "") -> None:
        """Write a statement with a label before its first line."""
        self._wrap(text, f"{label:<{_LABEL_WIDTH}}", _STATEMENT, style)

    def go_on(self, text: str, style: str = "") -> None:
        """Write another statement below the last label."""
        self._wrap(text, _STATEMENT, _STATEMENT, style)

    def item(self, text: str, style: str = "") -> None:
        self._wrap(text, _ITEM, _ITEM, style)

    def plain(self, text: str, style: str = "") -> None:
        self._wrap(text, "", "", style)

    def address(self, text: str, indent: str = _STATEMENT) -> None:
        """Write a line that must not be broken."""
        self.lines.append(StoryLine(f"{indent}{visible(one_line(text))}"))

    def space(self) -> None:
        self.lines.append(StoryLine(""))

    def _wrap(self, text: str, first: str, indent: str, style: str) -> None:
        lines = textwrap.wrap(
            visible(one_line(text)),
            self._width,
            initial_indent=first,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )
        self.lines += [StoryLine(line, style) for line in lines]


def _write_outcome(writer: _Writer, report: RunReport) -> None:
    color = "green" if report.run.outcome in _GOOD else "yellow"
    writer.plain(report.headline.sentence, f"bold {color}")
    writer.space()


def _write_issue(writer: _Writer, report: RunReport) -> None:
    writer.write("Issue", report.title)
    writer.address(report.run.issue_url)
    if report.context is not None:
        shown = count(len(report.context.files), "file")
        writer.go_on(f"The model saw {shown} of the repository with it.")


def _write_tests_before(writer: _Writer, tests: TestResults) -> None:
    suite = tests.suite
    if suite is None:
        return
    if not suite.runnable:
        writer.write("Tests", suite.reason)
        return
    failed = len(tests.failed_before)
    passed = tests.passed_before
    place = f" with {suite.runner}" if suite.runner else ""
    writer.write("Before", f"{passed} passed, {failed} failed{place}")
    _write_tests(writer, tests.failed_before)


def _write_round(writer: _Writer, round_: RoundReport, report: RunReport) -> None:
    label = f"Round {round_.number}"
    if not round_.changes:
        nothing = "No change yet." if report.run.outcome is None else "No change."
        writer.write(label, round_.summary or nothing)
    for change in round_.changes:
        summary = clip(one_line(change.summary), _MAX_SUMMARY) or "A change without a summary."
        writer.write(label, summary)
        _write_files(writer, change)
        _write_fate(writer, change, round_)
        label = ""
    steps = [step for step in report.steps if step.record.round == round_.number]
    if steps:
        writer.go_on(f"The agent took {count(len(steps), 'step')}.")


def _write_files(writer: _Writer, change: ProposedChange) -> None:
    if change.patch is None:
        return
    files = read_patch(change.patch)
    for file in files[:MAX_FILES]:
        writer.item(f"{file.path} (+{file.added} -{file.removed})", "dim")
    _write_more(writer, len(files) - MAX_FILES, "file")


def _write_fate(writer: _Writer, change: ProposedChange, round_: RoundReport) -> None:
    match change.fate:
        case "sent back" if change.failing:
            writer.go_on("Sent back, as these tests fail with it:", "yellow")
            _write_tests(writer, change.failing, change.failing_count)
        case "sent back":
            writer.go_on(f"Sent back: {round_.summary}", "yellow")
        case "not chosen":
            writer.go_on("Another change was chosen.")
        case "chosen" | "no verdict yet":
            pass


def _write_proof(writer: _Writer, tests: TestResults) -> None:
    verdict = tests.verdict
    if verdict is None:
        return
    writer.write("Tests", f"{verdict.verification}; {count_tests(verdict.ran)} ran")
    groups = (
        ("Failed before and pass now:", verdict.fixed),
        ("Passed before and fail now:", verdict.regressed),
        ("Failed before and still fail:", verdict.still_failing),
    )
    for title, names in groups:
        if names:
            writer.go_on(title)
            _write_tests(writer, names)


def _write_effects(writer: _Writer, report: RunReport) -> None:
    result = report.result
    if result is None:
        return
    if result.pull_request_url is not None:
        writer.write("PR", f"#{result.pull_request_number} on branch {result.branch}")
        writer.address(result.pull_request_url)
    elif result.branch is not None:
        writer.write("Branch", result.branch)


def _write_delays(writer: _Writer, report: RunReport) -> None:
    """Write what kept the run from working, if anything did."""
    happened = Counter(moment.what for moment in report.timeline.moments)
    delays: list[str] = []
    if happened["waits"]:
        delays.append(f"it had to wait {count(happened['waits'], 'time')}")
    if happened["try failed"]:
        tries = happened["try failed"]
        delays.append("1 try failed" if tries == 1 else f"{tries} tries failed")
    if report.run.crashes:
        delays.append(f"its worker died {count(report.run.crashes, 'time')}")
    if delays:
        writer.write("Delays", "; ".join(delays))


def _write_tests(writer: _Writer, names: Sequence[str], number: int | None = None) -> None:
    """Write some names; ``number`` is how many there are, if ``names`` are only the first."""
    for name in names[:MAX_TESTS]:
        writer.item(name)
    shown = min(len(names), MAX_TESTS)
    _write_more(writer, (number or len(names)) - shown, "test")


def _write_more(writer: _Writer, number: int, noun: str) -> None:
    if number > 0:
        writer.item(f"and {count(number, f'more {noun}')}")


def _write_next_steps(writer: _Writer, steps: Sequence[NextStep]) -> None:
    if steps:
        writer.space()
        writer.plain("Next", "bold")
    for step in steps:
        writer.plain(f"- {step.text}")
        for line in _commands(step):
            writer.address(line, indent="    ")


def _commands(step: NextStep) -> Iterator[str]:
    if step.command:
        yield step.command
    if step.url:
        yield step.url
