"""The chosen candidate, and what the templates say about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.stage import RunContext
from repository.git import Identity, Mirror
from stages.apply_patch import Candidate
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.propose_patch import Proposals
from stages.run_tests import Verdict

#: Writes the commit with a message, an author and a time (seconds since the epoch) into the mirror,
#: and returns its SHA.
WriteCommit = Callable[[str, Identity, int], str]


@dataclass(frozen=True)
class Change:
    """The chosen candidate, with everything that the templates need."""

    issue: Issue
    checkout: Checkout
    proposals: Proposals
    candidate: Candidate
    verdict: Verdict

    def writer(self, mirror: Mirror) -> WriteCommit:
        """Return a function that writes this change as a commit into the mirror."""

        def write(message: str, author: Identity, seconds: int) -> str:
            base = self.checkout.base_sha
            return mirror.commit(self.candidate.tree, base, message, author, seconds)

        return write

    def variables(self, run: RunContext, cost_usd: float) -> dict[str, Any]:
        """Return the variables of the three templates."""
        return {
            **self._issue_variables(),
            **self._test_variables(),
            "summary": self.candidate.summary,
            "notices": self.candidate.notices,
            "base_branch": self.checkout.base_branch,
            "base_sha": self.checkout.base_sha,
            "model": self.proposals.proposals[self.candidate.proposal].model,
            "template_set": self.proposals.template_set,
            "templates": {**self.proposals.templates, **self.verdict.templates},
            "rounds": run.round,
            "cost_usd": cost_usd,
            "job_id": run.job_id,
            "generation": run.generation,
        }

    def _issue_variables(self) -> dict[str, Any]:
        return {
            "issue_number": self.issue.number,
            "issue_url": self.issue.public_url,
            "title": self.issue.title,
            "hidden": self.issue.hidden,
        }

    def _test_variables(self) -> dict[str, Any]:
        verdict = self.verdict
        return {
            "verification": verdict.verification.value,
            "reason": verdict.reason,
            "fixed": verdict.fixed,
            "still_failing": verdict.still_failing,
            "ran": verdict.ran,
            "regressed": verdict.regressed,
            "could_not_run": verdict.could_not_run,
            "flaky": verdict.flaky,
        }
