"""Send a round back whose changes all failed: the reason for the model, and a note about each."""

from collections.abc import Sequence

from pipeline.stage import Back, RunContext
from prompts.filters import clip, one_line
from repository.counts import count
from stages.propose_patch import Proposals
from stages.propose_patch.round_note import (
    MAX_FAILING_TESTS,
    MAX_TEST_NAME,
    SentBack,
    note_sent_back,
)
from stages.run_tests.choosing import Rejected, least_broken
from stages.run_tests.results import DidNotRun, Passed, Regressed, Result, Unproven

#: Tests that the summary names.
_MAX_NAMED = 3


def send_back(results: Sequence[Result], proposals: Proposals, run: RunContext) -> Back:
    """Return the feedback on the change that breaks the least; none of the changes passed."""
    rejected = [result for result in results if not isinstance(result, Passed)]
    candidates = [_sent_back(result) for result in rejected]
    best = least_broken(rejected)
    attempt = proposals.attempt_of(best.change.candidate.proposal)
    note = note_sent_back(run, candidates, attempt=attempt)
    note = note.model_copy(update={"summary": summarize(best)})
    return Back("propose_patch", best.feedback, note)


def summarize(result: Rejected) -> str:
    """Return why a change was sent back, in a sentence for a person."""
    match result:
        case DidNotRun():
            return "the tests did not run to completion"
        case Regressed():
            tests = result.failing
            which = "that must pass"
        case Unproven():
            tests = result.failing
            which = "made for the issue"
    verb = "fails" if len(tests) == 1 else "fail"
    return f"{count(len(tests), 'test')} {which} {verb}: {_names(tests)}"


def _names(tests: Sequence[str]) -> str:
    names = [one_line(clip(test, MAX_TEST_NAME)) for test in tests[:_MAX_NAMED]]
    listed = ", ".join(names)
    more = len(tests) - _MAX_NAMED
    return f"{listed} and {more} more" if more > 0 else listed


def _sent_back(result: Rejected) -> SentBack:
    candidate = result.change.candidate
    regressions: int | None
    failing: tuple[str, ...]
    match result:
        case Unproven():
            regressions = 0
            failing = result.failing
        case Regressed():
            regressions = result.regressions
            failing = result.failing
        case DidNotRun():
            regressions = None
            failing = ()
    return SentBack(
        tree=candidate.tree,
        patch_key=candidate.patch_key,
        regressions=regressions,
        failing=tuple(clip(test, MAX_TEST_NAME) for test in failing[:MAX_FAILING_TESTS]),
        failing_count=len(failing),
        log_key=result.log_key,
    )
