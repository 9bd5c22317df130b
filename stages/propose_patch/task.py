"""A round's task, which every strategy receives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.outcome import Outcome
from pipeline.stage import Back, RunContext
from prompts.filters import clip_framed
from repository.files import belongs_to_tests
from repository.testing.models import Suite
from repository.testing.run.bed import TestBed
from sandbox import Sandbox
from stages.build_context import Context
from stages.fetch_issue import Issue
from stages.prepare_tests import open_test_bed
from stages.propose_patch.base_code import BaseCode
from stages.propose_patch.follow_up import FollowUp
from stages.propose_patch.model_session import ModelSession
from stages.propose_patch.results import STAGE, Proposal, Proposals

#: Maximum length of the feedback, in characters (about 4,000 tokens).
MAX_FEEDBACK = 16_000
#: Outcomes of a failed model call after which earlier proposals can still be used: no money is
#: left, or the model refuses this prompt.
RECOVERABLE = (Outcome.BUDGET_EXHAUSTED, Outcome.NO_FIX)


@dataclass(frozen=True)
class AttemptPlan:
    """One full run of the agent among several of the same run."""

    number: int = 1
    model: str | None = None
    """None for the session's."""
    temperature: float | None = None
    """None for the session's."""


@dataclass(frozen=True)
class Task:
    """What a round is asked to do, and what it works with."""

    issue: Issue
    context: Context
    suite: Suite
    feedback: str | None
    """Why the last round was sent back, in our words with data framed."""
    run: RunContext
    base: BaseCode
    sandbox: Sandbox
    session: ModelSession
    follow_up: FollowUp | None = None
    """None if the run fixes an issue."""

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of the prompt templates."""
        return prompt_variables(self.issue, self.context, self.suite, self.feedback)

    def open_test_bed(self) -> TestBed | None:
        """Open the environment that ``prepare_tests`` built; return None if the tests can't be run.

        Raises:
            OSError: the environment is not on this machine; the run can be tried again.
        """
        return open_test_bed(self.sandbox, self.suite, self.run)

    def are_tests(self, paths: Sequence[str]) -> bool:
        """Whether all paths are test files, or their helpers or data."""
        patterns = self.suite.recipe.patterns if self.suite.recipe else ()
        return all(belongs_to_tests(path, patterns) for path in paths)

    def proposals(self, proposals: Sequence[Proposal]) -> Proposals:
        return Proposals(
            proposals=tuple(proposals),
            templates=dict(self.session.used_templates),
            template_set=self.session.template_set,
        )


def prompt_variables(
    issue: Issue, context: Context, suite: Suite, feedback: str | None
) -> dict[str, Any]:
    """Return the variables of the prompts for a fix; ``feedback`` is cut to MAX_FEEDBACK."""
    return {
        "issue": issue,
        "files": context.files,
        "listing": context.listing,
        "not_shown": context.not_shown,
        "conventions": context.conventions,
        "suite": suite,
        "feedback": clip_framed(feedback, MAX_FEEDBACK) if feedback else None,
        "follow_up": None,
    }


def another_round(because: str) -> Back:
    """Return the answer of a round in which nothing usable was proposed."""
    return Back(to=STAGE, because=because)
