"""What the run that a follow-up continues has stored: its results hold for the follow-up, too."""

from pipeline.pull_history import PullHistory
from pipeline.run_key import RunKey
from stages.apply_patch import ApplyPatch, Candidates
from stages.checkout import Checkout, CheckoutStage
from stages.fetch_issue import FetchIssue, Issue
from stages.propose_patch import Proposals, ProposePatch
from stages.run_tests import RunTests, Verdict


def read_issue(history: PullHistory, source: RunKey) -> Issue | None:
    """Return the issue as the run has read it. Blocks, as the others here."""
    return history.read(source, FetchIssue.name, Issue)


def read_checkout(history: PullHistory, source: RunKey) -> Checkout | None:
    return history.read(source, CheckoutStage.name, Checkout)


def read_conversation_key(history: PullHistory, source: RunKey) -> str | None:
    """Return the key of the conversation that made the chosen change; None without one."""
    proposals = history.read(source, ProposePatch.name, Proposals)
    candidates = history.read(source, ApplyPatch.name, Candidates)
    verdict = history.read(source, RunTests.name, Verdict)
    if proposals is None or candidates is None or verdict is None:
        return None
    chosen = candidates.candidates[verdict.candidate]
    return proposals.proposals[chosen.proposal].conversation_key
