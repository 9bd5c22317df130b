"""Ask the model for the next step, with the conversation so far."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.model import Message, ToolSpec
from pipeline.model.capabilities import ModelProfile
from pipeline.model.failures import ModelError
from stages.propose_patch.agent.conversation import (
    MIN_HISTORY,
    conversation,
    count_same_messages,
    max_history,
)
from stages.propose_patch.agent.steps import EARLIER_RUN, StepRecord, count_cut_replies
from stages.propose_patch.model_session import Exchange, ModelSession, Question, room_after
from stages.propose_patch.task import AttemptPlan


@dataclass(frozen=True)
class StepReply:
    """The reply to a request for the next step."""

    exchange: Exchange
    label: str
    history_limit: int
    """Characters of the steps that were sent."""


class Asker:
    """Asks the model for the steps of one attempt."""

    def __init__(
        self,
        session: ModelSession,
        attempt: AttemptPlan,
        prompt: tuple[Message, ...],
        profile: ModelProfile,
        tools: tuple[ToolSpec, ...],
    ):
        """``tools`` are those that the model may call natively."""
        self._session = session
        self._attempt = attempt
        self._prompt = prompt
        self._tools = tools
        self._max_history = max_history(profile, prompt)
        self._knows_usage = False
        """Whether the model's client knows the usage of the last reply."""

    async def ask(self, records: Sequence[StepRecord], before: str) -> StepReply:
        """Return the model's reply. A history too long for the model is halved until it fits.

        Args:
            records: the steps so far.
            before: the harness's message that opens a round; usually empty.
        """
        continues = _continues_run(records)
        if continues and not self._knows_usage:
            await self._recall_usage(records)
        self._knows_usage = True
        max_chars = records[-1].history_limit if continues else self._max_history
        label = f"attempt-{self._attempt.number}-step-{len(records) + 1:03}"
        while True:
            messages = conversation(self._prompt, records, before, max_chars)
            stored = count_same_messages(self._last_request(records), messages) if continues else 0
            question = replace(self._question(label, messages, records), stored=stored)
            try:
                return StepReply(await self._session.ask(question), label, max_chars)
            except ModelError as error:
                if max_chars <= MIN_HISTORY:
                    raise error.verdict() from None
            max_chars //= 2
            label += "-shorter"

    async def reservation(self, records: Sequence[StepRecord]) -> float:
        """Return what the request after these steps reserves, in US dollars."""
        max_chars = records[-1].history_limit
        messages = conversation(self._prompt, records, "", max_chars)
        return await self._session.reservation(self._question("", messages, records))

    async def _recall_usage(self, records: Sequence[StepRecord]) -> None:
        """After a restart, tell the model's client how long the conversation is."""
        messages = self._last_request(records)
        question = self._question(records[-1].label, messages, records[:-1])
        await self._session.recall(question)

    def _last_request(self, records: Sequence[StepRecord]) -> tuple[Message, ...]:
        """Return the messages that the last step answered."""
        last = records[-1]
        return conversation(self._prompt, records[:-1], last.before, last.history_limit)

    def _question(
        self, label: str, messages: tuple[Message, ...], records: Sequence[StepRecord]
    ) -> Question:
        """Return the question that follows these steps."""
        return Question(
            label=label,
            messages=messages,
            template="agent",
            model=self._attempt.model,
            temperature=self._attempt.temperature,
            sample=self._attempt.number - 1,
            tools=self._tools,
            use="agent",
            once_a_run=True,
            room=room_after(count_cut_replies(records)),
        )


def _continues_run(records: Sequence[StepRecord]) -> bool:
    """Whether this run has taken the last step, so that its exchange is stored with this run."""
    return bool(records) and records[-1].round != EARLIER_RUN
