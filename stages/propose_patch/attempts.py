"""Several attempts: full runs of the agent, one after another, for ``run_tests`` to choose from.

Each attempt has a conversation of its own and begins with a fresh workspace. The first uses what it
needs of the run's money and minutes. Another one is begun if what is left would have been enough
for the dearest and the longest so far, and no two agree yet. A later round goes on in the
conversation of the attempt whose change was sent back.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from pydantic import BaseModel, ConfigDict

from pipeline.outcome import Facts, Outcome
from pipeline.stage import Back, Stop
from stages.propose_patch import agent
from stages.propose_patch.reproduction import reproduce
from stages.propose_patch.results import Proposal, Proposals, ProposedFiles, Reproduction
from stages.propose_patch.round_note import SentBackNote
from stages.propose_patch.semantic_hash import semantic_hash
from stages.propose_patch.task import AttemptPlan, Task, another_round


class AttemptResult(BaseModel):
    """How an attempt ended, as the run stores it."""

    model_config = ConfigDict(frozen=True)

    proposals: Proposals | None = None
    stop_outcome: Outcome | None = None
    """Set if it would end the run."""
    reason: str = ""
    """Why there are no proposals."""
    artifacts: dict[str, str] = {}
    agreement: str | None = None
    """Equal for attempts with the same result; None if there is none to compare."""
    cost_usd: float = 0.0
    seconds: float = 0.0

    @property
    def stop(self) -> Stop | None:
        if self.stop_outcome is None:
            return None
        return Stop(self.stop_outcome, self.reason, Facts(artifacts=self.artifacts))


class Beginning(BaseModel):
    """What the run had used when an attempt began."""

    model_config = ConfigDict(frozen=True)

    cost_usd: float
    seconds_left: float


@dataclass(frozen=True)
class AttemptPlans:
    """The attempts that a run may make."""

    count: int
    temperature: float
    """For a further attempt with the same model."""
    models: Sequence[str | None] = (None,)
    """Asked in turn; None for the session's."""

    def plan(self, number: int) -> AttemptPlan:
        """Return the plan of an attempt, counted from 1. It is the same in every round."""
        index = number - 1
        is_first_of_model = index < len(self.models)
        return AttemptPlan(
            number=number,
            model=self.models[index % len(self.models)],
            temperature=None if is_first_of_model else self.temperature,
        )


async def propose(task: Task, plans: AttemptPlans) -> Proposals | Back | Stop:
    """Propose the change of each attempt; in a later round, that of the attempt sent back."""
    if plans.count == 1:
        return await agent.propose(task, AttemptPlan())
    reproduction = await reproduce(task)
    if reproduction.stop is not None:
        return reproduction.stop
    if task.run.round > 1:
        return await _go_on(task, plans, reproduction.test)
    return await Attempts(task, plans, reproduction.test).work()


async def _go_on(
    task: Task, plans: AttemptPlans, reproduction: Reproduction | None
) -> Proposals | Back | Stop:
    """Go on with the attempt that the newest round is about."""
    number = task.run.notes(SentBackNote)[-1].attempt
    answer = await agent.propose(task, plans.plan(number))
    match answer:
        case Proposals():
            return answer.model_copy(update={"reproduction": reproduction})
        case Back():
            return replace(answer, note=SentBackNote(facts=answer.note.facts, attempt=number))
        case Stop():
            return answer


class Attempts:
    """The attempts of the first round."""

    def __init__(self, task: Task, plans: AttemptPlans, reproduction: Reproduction | None):
        self._task = task
        self._run = task.run
        self._plans = plans
        self._reproduction = reproduction
        self._results: list[AttemptResult] = []

    async def work(self) -> Proposals | Back | Stop:
        for number in range(1, self._plans.count + 1):
            if number > 1 and await self._has_enough(number):
                break
            self._run.progress(f"attempt {number} of {self._plans.count}")
            name = f"attempt-{number}/result"
            stored = await self._run.remember(name, partial(self._attempt, number))
            self._results.append(AttemptResult.model_validate_json(stored))
        return self._answer()

    async def _has_enough(self, number: int) -> bool:
        """Return whether the attempt is not begun. The choice is stored: time goes on."""
        reason = await self._run.remember(f"attempt-{number}/not-begun", self._why_enough)
        if reason:
            self._run.progress(f"no attempt {number}: {reason}")
        return bool(reason)

    async def _why_enough(self) -> str:
        """Return why no further attempt is begun; empty if one is."""
        agreements = Counter(result.agreement for result in self._results if result.agreement)
        if agreements and max(agreements.values()) > 1:
            return "two attempts agree"
        left_usd = await self._run.ledger.left_usd()
        dearest_usd = max(result.cost_usd for result in self._results)
        if left_usd < dearest_usd:
            return f"${left_usd:.2f} are left, and an attempt cost ${dearest_usd:.2f}"
        left = self._run.seconds_left() * agent.MINUTES_SHARE
        longest = max(result.seconds for result in self._results)
        if left < longest:
            return f"{left / 60:.0f} minutes are left, and an attempt took {longest / 60:.0f}"
        return ""

    # One attempt

    async def _attempt(self, number: int) -> str:
        """Make an attempt and return its AttemptResult, as JSON."""
        begun = await self._run.remember(f"attempt-{number}/begun", self._beginning)
        beginning = Beginning.model_validate_json(begun)
        answer = await agent.propose(self._task, self._plans.plan(number))
        result = await self._result(answer)
        now = Beginning.model_validate_json(await self._beginning())
        used = {
            "cost_usd": now.cost_usd - beginning.cost_usd,
            "seconds": beginning.seconds_left - now.seconds_left,
        }
        return result.model_copy(update=used).model_dump_json()

    async def _beginning(self) -> str:
        cost_usd = await self._run.ledger.cost_usd()
        beginning = Beginning(cost_usd=cost_usd, seconds_left=self._run.seconds_left())
        return beginning.model_dump_json()

    async def _result(self, answer: Proposals | Back | Stop) -> AttemptResult:
        match answer:
            case Proposals():
                return AttemptResult(proposals=answer, agreement=await self._hash(answer))
            case Back():
                return AttemptResult(reason=answer.because)
            case Stop():
                return AttemptResult(
                    stop_outcome=answer.outcome,
                    reason=answer.reason,
                    artifacts=answer.facts.artifacts,
                    agreement=answer.outcome.value,
                )

    async def _hash(self, answer: Proposals) -> str | None:
        """Return a hash of the change, without its tests."""
        (proposal,) = answer.proposals
        if proposal.changes_key is None:
            return None
        stored = await self._run.load(proposal.changes_key)
        files = ProposedFiles.model_validate_json(stored).files
        changes = {path: file.content for path, file in files.items()}
        return await asyncio.to_thread(
            semantic_hash, changes, lambda path: self._task.are_tests([path])
        )

    # All attempts

    def _answer(self) -> Proposals | Back | Stop:
        """Return the proposals of all attempts; without any, how the first one ended."""
        answers = [result.proposals for result in self._results if result.proposals]
        if answers:
            return self._merge(answers)
        for result in self._results:
            if result.stop is not None:
                return result.stop
        return another_round(self._results[0].reason)

    def _merge(self, answers: Sequence[Proposals]) -> Proposals:
        """Return the proposals of several attempts as those of one round."""
        proposals: list[Proposal] = []
        for answer in answers:
            proposals += answer.proposals
        update = {"proposals": tuple(proposals), "reproduction": self._reproduction}
        return answers[0].model_copy(update=update)
