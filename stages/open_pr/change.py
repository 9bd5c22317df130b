"""The chosen candidate, and what the templates say about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.stage import RunContext
from repository.git import Identity, Mirror
from repository.testing.models import Suite
from repository.text_encoding import read_text
from stages.apply_patch import Candidate
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.open_pr.convention import CommitSubject, read_convention
from stages.open_pr.proof import find_reproduction, read_test_changes
from stages.open_pr.repository_template import find_template
from stages.open_pr.settings import PullSettings
from stages.open_pr.title import choose_title
from stages.propose_patch import Proposals
from stages.propose_patch.description import standing_alone
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
    suite: Suite

    def writer(self, mirror: Mirror) -> WriteCommit:
        """Return a function that writes this change as a commit into the mirror."""

        def write(message: str, author: Identity, seconds: int) -> str:
            base = self.checkout.base_sha
            return mirror.commit(self.candidate.tree, base, message, author, seconds)

        return write

    def title(self, mirror: Mirror) -> CommitSubject:
        """Return the title, in the words of the repository's commits. Blocks."""
        return choose_title(
            self.candidate.title,
            self.issue.title,
            read_convention(mirror, self.checkout.base_sha),
            paths=self.candidate.paths,
            number=self.issue.number,
        )

    def repository_template(self, mirror: Mirror) -> str | None:
        """Return the template for pull requests of the base commit, if it has one. Blocks."""
        base_sha = self.checkout.base_sha
        path = find_template(entry.path for entry in mirror.files(base_sha))
        data = None if path is None else mirror.read(base_sha, path)
        return None if data is None else read_text(data)

    def variables(
        self, run: RunContext, mirror: Mirror, settings: PullSettings, cost_usd: float
    ) -> dict[str, Any]:
        """Return the variables of the three templates. Blocks."""
        title = self.title(mirror)
        return {
            **self._issue_variables(),
            **self._test_variables(),
            **self._proof_variables(mirror),
            "title_prefix": title.prefix,
            "title": title.text,
            "ready": settings.is_ready(self.verdict.verification),
            "answers_comments": settings.answers_comments,
            "requested_by": run.job.requested_by,
            "page_url": settings.page_of(run.job_id, run.generation),
            "summary": standing_alone(self.candidate.summary),
            "notices": (*self.candidate.notices, *self._conditions()),
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

    def _conditions(self) -> list[str]:
        """Return what the repository asks of such contributions, as notices for the reviewer."""
        asks = "The repository asks of contributions that a model made"
        return [f"{asks}: {condition}" for condition in self.checkout.conditions]

    def _issue_variables(self) -> dict[str, Any]:
        return {
            "issue_number": self.issue.number,
            "hidden": self.issue.hidden,
        }

    def _test_variables(self) -> dict[str, Any]:
        verdict = self.verdict
        return {
            "verification": verdict.verification.value,
            "reason": verdict.reason,
            "fixed_new": verdict.fixed_new,
            "fixed_before": sorted(set(verdict.fixed) - set(verdict.fixed_new)),
            "proven_outside": verdict.proven_outside,
            "still_failing": verdict.still_failing,
            "ran": verdict.ran,
            "regressed": verdict.regressed,
            "could_not_run": verdict.could_not_run,
            "flaky": verdict.flaky,
        }

    def _proof_variables(self, mirror: Mirror) -> dict[str, Any]:
        base_sha = self.checkout.base_sha
        recipe = self.suite.recipe
        patterns = recipe.patterns if recipe is not None else ()
        test_files = read_test_changes(mirror, base_sha, self.candidate, patterns)
        reproduction = find_reproduction(mirror, base_sha, self.candidate, self.verdict, self.suite)
        return {"test_files": test_files, "reproduction": reproduction}
