"""The stage ``propose_patch``."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pipeline.model.buyer import Buyer
from pipeline.outcome import Facts
from pipeline.repetition import is_repeating
from pipeline.stage import Back, RunContext, Stop
from pipeline.template_sets import Templates
from repository.git import Mirrors
from repository.testing.models import Suite
from repository.testing.run.output import replace_path
from sandbox import Sandbox
from stages.build_context import Context
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.propose_patch import agent, attempts, single
from stages.propose_patch.attempts import AttemptPlans
from stages.propose_patch.base_code import EditSettings
from stages.propose_patch.follow_up import FollowUp
from stages.propose_patch.model_session import ModelSession, requested_model
from stages.propose_patch.results import STAGE, Proposals
from stages.propose_patch.round_note import SentBackNote
from stages.propose_patch.task import AttemptPlan, Task

REPEATED_FAILURE = (
    "The last attempt ended the same way as an earlier one. Do not repeat it: look for the cause"
    " elsewhere, or fix it in another way."
)
#: After this many rounds that ended for the same reason, the prompt says so.
SAME_ENDS = 2


Strategy = Literal["single", "agent"]


@dataclass(frozen=True)
class Plan:
    """How much to spend on a change. ``attempts`` and ``models`` apply to ``agent`` only."""

    strategy: Strategy = "single"
    attempts: int = 1
    temperature: float = 0.8
    """For further attempts with the same model, and for every strategy once the rounds repeat."""
    models: tuple[str, ...] = ()
    """Models for the attempts, in turn; if empty, only the run's model."""


class ProposePatch:
    name = STAGE

    def __init__(
        self,
        buyer: Buyer,
        templates: Templates,
        mirrors: Mirrors,
        sandbox: Sandbox,
        *,
        plan: Plan,
        edits: EditSettings,
    ):
        self._buyer = buyer
        self._templates = templates
        self._mirrors = mirrors
        self._sandbox = sandbox
        self._plan = plan
        self._edits = edits

    async def run(
        self, issue: Issue, checkout: Checkout, context: Context, suite: Suite, run: RunContext
    ) -> Proposals | Back | Stop:
        return await self.propose(issue, checkout, context, suite, run)

    async def propose(
        self,
        issue: Issue,
        checkout: Checkout,
        context: Context,
        suite: Suite,
        run: RunContext,
        *,
        follow_up: FollowUp | None = None,
    ) -> Proposals | Back | Stop:
        """Propose a change for the issue, or the follow-up to a pull request for it."""
        session = await ModelSession.open(
            run,
            self._buyer,
            self._templates,
            temperature=self._plan.temperature if rounds_repeat(run) else None,
        )
        strategy = self._strategy(run, follow_up)
        await run.state_facts(Facts(strategy=strategy, template_set=session.template_set))
        task = Task(
            issue=issue,
            context=context,
            suite=suite,
            feedback=_feedback(run, self._sandbox.path_inside(run.workspace)),
            run=run,
            base=self._edits.base_code(self._mirrors, checkout),
            sandbox=self._sandbox,
            session=session,
            follow_up=follow_up,
        )
        answer = await self._propose(task, strategy)
        return _with_templates(answer, Facts(templates=session.used_templates))

    def _strategy(self, run: RunContext, follow_up: FollowUp | None) -> Strategy:
        """Return the plan's strategy, or ``single`` if the sandbox can't isolate the agent, or if
        there is no conversation that a follow-up could continue.
        """
        if self._plan.strategy == "agent" and self._sandbox.name == "none":
            run.progress("nothing isolates commands here, so the model is asked for one reply")
            return "single"
        if follow_up is not None and follow_up.conversation_key is None:
            run.progress("the change's conversation is not stored, so the model starts anew")
            return "single"
        return self._plan.strategy

    async def _propose(self, task: Task, strategy: Strategy) -> Proposals | Back | Stop:
        match strategy:
            case "agent":
                if task.follow_up is not None:
                    return await agent.propose(task, AttemptPlan())
                return await attempts.propose(task, self._attempt_plans(task.run))
            case "single":
                return await single.propose(task)

    def _attempt_plans(self, run: RunContext) -> AttemptPlans:
        models = self._plan.models
        if requested_model(run) or not models:
            return AttemptPlans(self._plan.attempts, self._plan.temperature)
        return AttemptPlans(self._plan.attempts, self._plan.temperature, models)


def _feedback(run: RunContext, folder: Path) -> str | None:
    """Return why the last round was sent back; the text is the same on every machine.

    ``folder`` is the run's folder as tests see it.
    """
    if run.feedback is None:
        return None
    feedback = replace_path(run.feedback, str(folder), ".")
    return f"{REPEATED_FAILURE}\n\n{feedback}" if rounds_repeat(run) else feedback


def rounds_repeat(run: RunContext) -> bool:
    """Whether the rounds end for the same reasons, or the last one proposed an earlier change."""
    if not run.rounds:
        return False
    if run.notes(SentBackNote)[-1].repeated:
        return True
    return is_repeating([opened.because for opened in run.rounds], SAME_ENDS)


def _with_templates(answer: Proposals | Back | Stop, used: Facts) -> Proposals | Back | Stop:
    """Add the used templates to an answer without proposals."""
    match answer:
        case Stop():
            return replace(answer, facts=used.merged(answer.facts))
        case Back():
            facts = used.merged(answer.note.facts)
            return replace(answer, note=answer.note.model_copy(update={"facts": facts}))
        case Proposals():
            return answer
