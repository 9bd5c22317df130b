"""Several attempts: full runs of the agent, one after another, for ``run_tests`` to choose from.

Each attempt has its own conversation and begins with a fresh workspace. The first uses as much of
the run's money and minutes as it needs. Another one follows if the rest would have been enough for
the most expensive and the longest so far, and no two agree yet. A later round continues the
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
    """The result of an attempt, as the run stores it."""

    model_config = ConfigDict(frozen=True)

    proposals: Proposals | None = None
    stop_outcome: Outcome | None = None
    """The outcome if it would end the run; else None."""
    reason: str = ""
    """Why there are no proposals."""
    artifacts: dict[str, str] = {}
    agreement: str | None = None
    """Equal for attempts with the same result; None if there is nothing to compare."""
    cost_usd: float = 0.0
    seconds: float = 0.0

    @property
    def stop(self) -> Stop | None:
        if self.stop_outcome is None:
            return None
        return Stop(self.stop_outcome, self.reason, Facts(artifacts=self.artifacts))


class RunUsage(BaseModel):
    """The run's cost so far and its remaining time."""

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
    """Used in turn; None for the session's."""

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
    """Propose the change of each attempt; in a later round, only of the attempt sent back."""
    if plans.count == 1:
        return await agent.propose(task, AttemptPlan())
    reproduction = await reproduce(task)
    if reproduction.stop is not None:
        return reproduction.stop
    if task.run.round > 1:
        return await _continue_attempt(task, plans, reproduction.test)
    return await Attempts(task, plans, reproduction.test).work()


async def _continue_attempt(
    task: Task, plans: AttemptPlans, reproduction: Reproduction | None
) -> Proposals | Back | Stop:
    """Continue the attempt whose change was sent back."""
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
            if number > 1 and await self._is_done(number):
                break
            self._run.progress(f"attempt {number} of {self._plans.count}")
            name = f"attempt-{number}/result"
            stored = await self._run.remember(name, partial(self._attempt, number))
            self._results.append(AttemptResult.model_validate_json(stored))
        return self._answer()

    async def _is_done(self, number: int) -> bool:
        """Whether no further attempt is made; stored, since it depends on the time."""
        reason = await self._run.remember(f"attempt-{number}/not-begun", self._reason_to_end)
        if reason:
            self._run.progress(f"no attempt {number}: {reason}")
        return bool(reason)

    async def _reason_to_end(self) -> str:
        """Return why no further attempt is made; empty if one is."""
        agreements = Counter(result.agreement for result in self._results if result.agreement)
        if agreements and max(agreements.values()) > 1:
            return "two attempts agree"
        left_usd = await self._run.ledger.left_usd()
        most_expensive_usd = max(result.cost_usd for result in self._results)
        if left_usd < most_expensive_usd:
            return f"${left_usd:.2f} are left, and an attempt cost ${most_expensive_usd:.2f}"
        left = self._run.seconds_left() * agent.MINUTES_SHARE
        longest = max(result.seconds for result in self._results)
        if left < longest:
            return f"{left / 60:.0f} minutes are left, and an attempt took {longest / 60:.0f}"
        return ""

    # One attempt

    async def _attempt(self, number: int) -> str:
        """Make an attempt and return its AttemptResult, as JSON."""
        stored = await self._run.remember(f"attempt-{number}/begun", self._usage)
        before = RunUsage.model_validate_json(stored)
        answer = await agent.propose(self._task, self._plans.plan(number))
        result = await self._result(answer)
        after = RunUsage.model_validate_json(await self._usage())
        update = {
            "cost_usd": after.cost_usd - before.cost_usd,
            "seconds": before.seconds_left - after.seconds_left,
        }
        return result.model_copy(update=update).model_dump_json()

    async def _usage(self) -> str:
        cost_usd = await self._run.ledger.cost_usd()
        usage = RunUsage(cost_usd=cost_usd, seconds_left=self._run.seconds_left())
        return usage.model_dump_json()

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
        """Return the proposals of all attempts; if there are none, a result of the attempts."""
        answers = [result.proposals for result in self._results if result.proposals]
        if answers:
            return self._merge(answers)
        for result in self._results:
            if result.stop is not None:
                return result.stop
        return another_round(self._results[0].reason)

    def _merge(self, answers: Sequence[Proposals]) -> Proposals:
        """Combine the proposals of several attempts into those of one round."""
        proposals: list[Proposal] = []
        for answer in answers:
            proposals += answer.proposals
        update = {"proposals": tuple(proposals), "reproduction": self._reproduction}
        return answers[0].model_copy(update=update)
