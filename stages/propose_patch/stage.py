"""The stage ``propose_patch``."""

from dataclasses import dataclass, replace
from typing import Literal

from pipeline.model.buyer import Buyer
from pipeline.outcome import Facts
from pipeline.stage import Back, RunContext, Stop
from pipeline.template_sets import Templates
from repository.edits.policy import read_policy
from repository.git import Mirrors
from repository.testing.models import Suite
from sandbox import Sandbox
from stages.build_context import Context
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.propose_patch import agent, balanced, cheap, reproduction
from stages.propose_patch.results import Proposals
from stages.propose_patch.round_note import AttemptsNote
from stages.propose_patch.task import STAGE, Task

OTHERWISE = (
    "The last two tries ended the same way. Do not repeat them: look for the cause elsewhere, mend"
    " it otherwise."
)


@dataclass(frozen=True)
class Plan:
    """How much is spent on a change. ``candidates``, ``temperature`` and ``models`` are
    ``balanced``'s.
    """

    strategy: Literal["cheap", "balanced", "agent"] = "cheap"
    candidates: int = 3
    temperature: float = 0.8
    """Of candidates beside the first, and of every strategy once it goes in circles."""
    models: tuple[str, ...] = ()
    """Asked in turn; empty: the run's model alone."""

    def calls(self, rounds: int) -> tuple[int, int]:
        """The fewest and the most calls of a run that takes ``rounds`` at most; retries left out."""
        if self.strategy == "balanced":
            return self.candidates, reproduction.MAX_CALLS + self.candidates * rounds
        return 1, (agent.MAX_STEPS if self.strategy == "agent" else 1) * rounds


class ProposePatch:
    name = STAGE

    def __init__(
        self,
        buyer: Buyer,
        templates: Templates,
        mirrors: Mirrors,
        sandbox: Sandbox,
        *,
        plan: Plan = Plan(),
        protected: tuple[str, ...] = (),
    ):
        """``protected``: patterns of paths that the deployment lets no proposal write."""
        self._buyer = buyer
        self._templates = templates
        self._mirrors = mirrors
        self._sandbox = sandbox
        self._plan = plan
        self._protected = protected

    async def run(
        self, issue: Issue, checkout: Checkout, context: Context, suite: Suite, run: RunContext
    ) -> Proposals | Back | Stop:
        replay = run.job.replay
        asked = (replay and replay.model) or run.job.options.model
        circling = goes_in_circles(run)
        # Without this machine's path of the run: another one must send the same.
        feedback = run.feedback and run.feedback.replace(str(run.workspace), ".")
        task = Task(
            issue=issue,
            checkout=checkout,
            context=context,
            suite=suite,
            run=run,
            feedback=f"{OTHERWISE}\n\n{feedback}" if circling else feedback,
            model=asked or self._buyer.model,
            temperature=self._plan.temperature if circling else 0.0,
            buyer=self._buyer,
            templates=await self._templates.of(run),
            mirror=self._mirrors.at(checkout.repository),
            sandbox=self._sandbox,
            policy=read_policy(checkout.config, self._protected),
        )
        if self._plan.strategy == "balanced":
            models = (asked,) if asked else self._plan.models
            answer = await balanced.propose(
                task, self._plan.candidates, self._plan.temperature, models
            )
        elif self._plan.strategy == "agent":
            answer = await agent.propose(task)
        else:
            answer = await cheap.propose(task)
        return _with_templates(answer, Facts(templates=task.used))


def _with_templates(answer: Proposals | Back | Stop, used: Facts) -> Proposals | Back | Stop:
    """Also an end without a proposal tells which templates it was asked with."""
    if isinstance(answer, Stop):
        return replace(answer, facts=used.merged(answer.facts))
    if isinstance(answer, Back):
        facts = used.merged(answer.note.facts)
        return replace(answer, note=answer.note.model_copy(update={"facts": facts}))
    return answer


def goes_in_circles(run: RunContext) -> bool:
    """Whether the last two rounds ended the same way, or the last one repeated an earlier one."""
    if not run.rounds:
        return False
    if run.notes(AttemptsNote)[-1].repeated:
        return True
    reasons = [opened.because for opened in run.rounds]
    return len(reasons) >= 2 and reasons[-1] == reasons[-2]
