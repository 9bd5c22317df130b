"""Everything about one run, for the terminal, the page and the console."""

from collections.abc import Callable
from dataclasses import dataclass

from console.runs.agent_steps import AgentStep, read_steps
from console.runs.calls import ModelCall, read_calls
from console.runs.effects import EffectReport, read_effects
from console.runs.headline import Headline, write_headline
from console.runs.next_steps import NextStep, advise
from console.runs.redaction import redacted
from console.runs.rounds import ProposedChange, RoundReport, find_change, read_rounds
from console.runs.run_result import parse_result
from console.runs.source import RunSource, artifact_key
from console.runs.spending import Spending, add_up
from console.runs.test_results import TestResults, read_test_results
from console.runs.timeline import Timeline, read_timeline
from pipeline.artifacts import Artifacts
from pipeline.budget import EffectiveLimits
from pipeline.job import (
    InvalidJob,
    Job,
    Limits,
    NewerSchema,
    PullRef,
    UnreadableMessage,
    parse_job,
)
from pipeline.outcome import RunResult
from pipeline.store.contract import RunRow
from pipeline.store.reader import StoreReader
from stages.address_review import FetchReview, Review
from stages.build_context import BuildContext, Context
from stages.checkout import Checkout, CheckoutStage
from stages.fetch_issue import FetchIssue, Issue


@dataclass(frozen=True)
class RunReport:
    """Titles, texts, names of tests and replies are untrusted: escape them where they are shown."""

    run: RunRow
    job: Job | None
    """None if the stored job is invalid."""
    result: RunResult | None
    """None if the run has not ended."""
    headline: Headline
    next_steps: tuple[NextStep, ...]
    issue: Issue | None
    """The issue as the model saw it; None if it was not fetched."""
    review: Review | None
    """The review that the run answers; None if it fixes an issue, or has not read the review."""
    checkout: Checkout | None
    context: Context | None
    """The files that the model was shown, and how files were ranked."""
    rounds: tuple[RoundReport, ...]
    """Oldest first; at least one."""
    steps: tuple[AgentStep, ...]
    """What the agent did; empty for the strategy ``single``."""
    calls: tuple[ModelCall, ...]
    """Oldest first."""
    tests: TestResults
    effects: tuple[EffectReport, ...]
    timeline: Timeline
    spending: Spending
    problems: tuple[str, ...]
    """What could not be read, in sentences: the report lacks it."""

    @property
    def title(self) -> str:
        """The issue's title; if it was not fetched, the name of what the job is about."""
        if self.issue is not None:
            return self.issue.title
        subject = self.run.subject
        kind = "Pull request" if isinstance(subject, PullRef) else "Issue"
        return f"{kind} {subject.label}"

    @property
    def change(self) -> ProposedChange | None:
        """The chosen change; else the newest one."""
        return find_change(self.rounds)


@dataclass(frozen=True)
class ReportReader:
    """Reads reports of runs."""

    store: StoreReader
    artifacts: Artifacts
    redact: Callable[[str], str]
    """Replaces secrets in a text."""
    ceiling: EffectiveLimits
    """The most that this deployment allows a run."""

    def read(self, run: RunRow) -> RunReport:
        """Return the report of a run as it is in the store. Blocks.

        What is gone, or was written by another version, is missing from it, and is named in
        ``problems``.
        """
        source = RunSource(self.store, self.artifacts, run)
        return redacted(self._read(source), self.redact)

    def _read(self, source: RunSource) -> RunReport:
        run = source.run
        job = _read_job(run)
        result = _read_result(source)
        rounds = read_rounds(source)
        steps = read_steps(source)
        calls = read_calls(source, steps, result)
        tests = read_test_results(source, rounds)
        effects = read_effects(source)
        timeline = read_timeline(source, calls, steps, effects)
        limits = self.ceiling.lowered_to(job.limits if job is not None else Limits())
        spending = add_up(calls, timeline.of_kind("stage"), run.seconds, limits)
        has_patch = any(change.patch for round_ in rounds for change in round_.changes)
        return RunReport(
            run=run,
            job=job,
            result=result,
            headline=write_headline(run, result, tests.verdict, spending),
            next_steps=advise(run, result, has_patch=has_patch),
            issue=source.newest_result(FetchIssue.name, Issue),
            review=source.newest_result(FetchReview.name, Review),
            checkout=source.newest_result(CheckoutStage.name, Checkout),
            context=source.newest_result(BuildContext.name, Context),
            rounds=rounds,
            steps=steps,
            calls=calls,
            tests=tests,
            effects=effects,
            timeline=timeline,
            spending=spending,
            problems=tuple(source.problems),
        )


def _read_job(run: RunRow) -> Job | None:
    try:
        return parse_job(run.body)
    except (InvalidJob, NewerSchema, UnreadableMessage):
        return None


def _read_result(source: RunSource) -> RunResult | None:
    """Return the run's result; of one that was too large for its event, the whole."""
    run = source.run
    result = parse_result(run)
    if result is None:
        if run.result is not None:
            source.note("The run's result is from another version.")
        return None
    address = result.artifacts.get("result")
    key = artifact_key(run.key, address) if address is not None else None
    whole = source.read_model(key, RunResult) if key is not None else None
    return whole or result
