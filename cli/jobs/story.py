"""A run as a story: what happened to which issue, round by round, and what to do next."""

from collections import Counter
from collections.abc import Iterator, Sequence

from cli.jobs.story_writer import StoryLine, StoryWriter
from cli.times import iso_time
from console.html.diffs import read_patch
from console.runs.next_steps import NextStep
from console.runs.report import RunReport
from console.runs.rounds import ProposedChange, RoundReport
from console.runs.test_comparison import ABSENT, TestComparison, compare_tests
from console.runs.test_results import TestResults
from pipeline.outcome import Outcome
from prompts.filters import clip, one_line
from repository.counts import count
from repository.testing.models import count_tests

_MAX_TESTS = 5
"""Names of tests in one place."""
_MAX_FILES = 5
_MAX_PROBLEMS = 3
_MAX_SUMMARY = 400
_MAX_REMARKS = 10
_MAX_REMARK = 200
"""Characters of a comment."""


def tell(report: RunReport, width: int) -> list[StoryLine]:
    """Return the story in lines of at most ``width`` characters; addresses are never broken."""
    writer = StoryWriter(width)
    _write_outcome(writer, report)
    _write_present(writer, report)
    _write_issue(writer, report)
    _write_review(writer, report)
    _write_tests_before(writer, report.tests)
    if report.calls:
        for round_ in report.rounds:
            _write_round(writer, round_, report)
    _write_proof(writer, report)
    _write_effects(writer, report)
    _write_delays(writer, report)
    writer.write("Cost", report.headline.effort)
    _write_problems(writer, report.problems)
    _write_next_steps(writer, report.next_steps)
    return writer.lines


def _write_outcome(writer: StoryWriter, report: RunReport) -> None:
    outcome = report.run.outcome
    is_success = outcome is not None and Outcome(outcome).is_success
    color = "green" if is_success else "yellow"
    writer.plain(report.headline.sentence, f"bold {color}")
    writer.space()


def _write_present(writer: StoryWriter, report: RunReport) -> None:
    """Write what a run that has not ended is doing, and since when."""
    if report.run.outcome is not None:
        return
    for span in report.timeline.of_kind("stage", "wait"):
        if span.state == "in progress":
            doing = "waiting" if span.kind == "wait" else span.name.replace("_", " ")
            writer.write("Now", f"{doing}, since {iso_time(span.start)}")
    if report.run.cancel_requested:
        writer.write("Note", "It has been asked to stop.", style="yellow")


def _write_issue(writer: StoryWriter, report: RunReport) -> None:
    is_fetched = report.issue is not None
    writer.write("Issue", report.title if is_fetched else report.run.subject.label)
    writer.address(report.issue.url if report.issue is not None else report.run.issue_url)
    if report.context is not None:
        shown = count(len(report.context.files), "file")
        writer.go_on(f"The model saw {shown} of the repository with it.")


def _write_review(writer: StoryWriter, report: RunReport) -> None:
    review = report.review
    if review is None:
        return
    asked = [count(len(review.remarks), "comment")]
    if review.checks:
        asked.append(count(len(review.checks), "failed check"))
    writer.write("Review", f"{' and '.join(asked)} on pull request #{review.pull_request_number}")
    for remark in review.remarks[:_MAX_REMARKS]:
        comment = remark.comment
        text = clip(one_line(comment.body), _MAX_REMARK)
        writer.item(f"{comment.author}: {text}")
    _write_more(writer, len(review.remarks) - _MAX_REMARKS, "comment")
    for check in review.checks:
        writer.item(f"{check.name}: {check.conclusion}")


def _write_tests_before(writer: StoryWriter, tests: TestResults) -> None:
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


def _write_round(writer: StoryWriter, round_: RoundReport, report: RunReport) -> None:
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


def _write_files(writer: StoryWriter, change: ProposedChange) -> None:
    if change.patch is None:
        return
    files = read_patch(change.patch)
    for file in files[:_MAX_FILES]:
        writer.item(f"{file.path} (+{file.added} -{file.removed})", "dim")
    _write_more(writer, len(files) - _MAX_FILES, "file")


def _write_fate(writer: StoryWriter, change: ProposedChange, round_: RoundReport) -> None:
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


def _write_proof(writer: StoryWriter, report: RunReport) -> None:
    judged = [round_ for round_ in report.rounds if round_.verdict is not None]
    suite = report.tests.suite
    if not judged or suite is None or judged[-1].verdict is None:
        return
    verdict = judged[-1].verdict
    writer.write("Tests", f"{verdict.verification}; {count_tests(verdict.ran)} ran")
    groups: dict[str, list[str]] = {}
    proof_first = sorted(compare_tests(suite, judged[-1]), key=lambda test: test.after != "passed")
    for test in proof_first:
        groups.setdefault(_describe_results(test), []).append(test.test)
    for title, names in groups.items():
        writer.go_on(f"{title}:")
        _write_tests(writer, names)


def _describe_results(test: TestComparison) -> str:
    if test.after == "flaky":
        return "Ended differently when they were run again"
    if test.after == "failed":
        return "Passed before and fail now" if test.before == "passed" else "Still fail"
    if test.before == ABSENT:
        return "New, and fail without the rest of the change"
    return "Failed before and pass now"


def _write_effects(writer: StoryWriter, report: RunReport) -> None:
    result = report.result
    if result is None:
        return
    if result.pull_request_url is not None:
        writer.write("PR", f"#{result.pull_request_number} on branch {result.branch}")
        writer.address(result.pull_request_url)
    elif result.branch is not None:
        writer.write("Branch", result.branch)


def _write_delays(writer: StoryWriter, report: RunReport) -> None:
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


def _write_problems(writer: StoryWriter, problems: Sequence[str]) -> None:
    for problem in problems[:_MAX_PROBLEMS]:
        writer.write("Note", problem, style="yellow")
    more = len(problems) - _MAX_PROBLEMS
    if more > 0:
        writer.go_on(f"{count(more, 'more part')} can't be read: see `jobs report`.", "yellow")


def _write_tests(writer: StoryWriter, names: Sequence[str], number: int | None = None) -> None:
    """Write some names; ``number`` is how many there are, if ``names`` are only the first."""
    for name in names[:_MAX_TESTS]:
        writer.name(name)
    shown = min(len(names), _MAX_TESTS)
    _write_more(writer, (number or len(names)) - shown, "test")


def _write_more(writer: StoryWriter, number: int, noun: str) -> None:
    if number > 0:
        writer.item(f"and {count(number, f'more {noun}')}")


def _write_next_steps(writer: StoryWriter, steps: Sequence[NextStep]) -> None:
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
