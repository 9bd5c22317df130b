"""What happened in a run, in sentences for somebody who knows nothing of it."""

from dataclasses import dataclass

from console.runs.phrases import duration, usd
from console.runs.spending import Spending
from pipeline.outcome import Outcome, RunResult
from pipeline.store.contract import RunRow
from repository.counts import count
from stages.run_tests import Verdict

_OUTCOMES: dict[str, str] = {
    Outcome.PR_OPENED: "Opened a pull request",
    Outcome.PR_UPDATED: "Updated its pull request",
    Outcome.PROPOSED: "Proposed a fix without opening a pull request",
    Outcome.NO_FIX: "Found no fix",
    Outcome.NO_CHANGE_NEEDED: "Found that no change is needed",
    Outcome.NEEDS_INFO: "The issue lacks information",
    Outcome.REJECTED: "Rejected before any work",
    Outcome.BUDGET_EXHAUSTED: "Stopped: the budget is used up",
    Outcome.CANCELLED: "Cancelled on request",
    Outcome.FAILED: "Failed for a reason outside of the issue",
}


_PULL_VERBS: dict[str, str] = {Outcome.PR_OPENED: "Opened", Outcome.PR_UPDATED: "Updated"}


@dataclass(frozen=True)
class Headline:
    """May hold text of strangers: a model's or a library's words in ``reason``."""

    outcome: str
    """How it ended, in a few words; for a run that has not ended, what it does."""
    verification: str
    """What the tests prove, in the words of the pull request; empty if no change was judged."""
    proof: str
    """What the tests say of the change, in a sentence; empty if none was judged."""
    reason: str
    """Why it ended so, in a sentence; empty if the other fields say it."""
    effort: str
    """Rounds, time and money, in a sentence."""

    @property
    def sentence(self) -> str:
        """All but the effort, in one line."""
        outcome = self.outcome
        if self.verification:
            outcome += f" ({self.verification})"
        explanations = "; ".join(text for text in (self.proof, self.reason) if text)
        return f"{outcome}: {explanations}" if explanations else outcome


def write_headline(
    run: RunRow, result: RunResult | None, verdict: Verdict | None, spending: Spending
) -> Headline:
    """Return the sentences about a run."""
    verification = result.verification if result is not None else None
    name = verification.value if verification is not None else ""
    outcome = _outcome(run, result)
    reason = _reason(run, result, name)
    return Headline(
        outcome=outcome,
        verification=name,
        proof=verdict.reason if verdict is not None and name else "",
        reason=reason if reason.casefold() != outcome.casefold() else "",
        effort=_effort(run, spending),
    )


def _outcome(run: RunRow, result: RunResult | None) -> str:
    if run.outcome is None:
        if run.state == "queued":
            return "Waiting in the queue"
        return f"At work, in round {run.round}"
    number = result.pull_request_number if result is not None else None
    if number and run.outcome in _PULL_VERBS:
        return f"{_PULL_VERBS[run.outcome]} pull request #{number}"
    return _OUTCOMES.get(run.outcome, run.outcome)


def _reason(run: RunRow, result: RunResult | None, verification: str) -> str:
    """Return the reason without what the outcome and the verification say already."""
    if run.state == "running":
        return f"its last delivery ended with: {run.last_error}" if run.last_error else ""
    reason = run.reason or run.last_error or ""
    if result is not None and result.pull_request_number is not None:
        reason = reason.removeprefix(f"pull request #{result.pull_request_number}: ")
    if verification:
        reason = reason.removeprefix(verification).removeprefix("; ")
    return reason


def _effort(run: RunRow, spending: Spending) -> str:
    work = f"{duration(spending.seconds)} of work"
    if not spending.models:
        return f"{work}, no model was asked"
    rounds = count(run.round, "round")
    cost = f"{usd(spending.cost_usd)} of at most {usd(spending.limits.max_cost_usd)}"
    return f"{rounds}, {work}, {cost}"
