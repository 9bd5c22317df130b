"""Ask the model: render prompts, buy replies, store each exchange."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.model import Message, ModelReply, ModelRequest, ToolSpec, Use
from pipeline.model.buyer import Buyer
from pipeline.model.capabilities import ModelProfile
from pipeline.model.failures import Failure, ModelError
from pipeline.model.recording import RecordedExchange
from pipeline.stage import RunContext
from pipeline.template_sets import Templates
from prompts.template_set import TemplateSet
from stages.propose_patch.results import Proposal

#: Templates of a prompt that asks for a change in one reply.
SYSTEM = "propose_system"
USER = "propose"
#: The most that a reply after cut ones may be longer than usual.
_MOST_ROOM = 4


def room_after(cut_replies: int) -> int:
    """Return the ``room`` of a question after a number of replies in a row that were cut off."""
    return min(1 << cut_replies, _MOST_ROOM)


@dataclass(frozen=True)
class Question:
    """A prompt with the settings of its model call."""

    label: str
    """Names the exchange and the call within the round; empty if the round has only one call."""
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    """Tools that the model may call natively."""
    use: Use = "single"
    template: str = USER
    """The template whose front matter has the settings of the reply, such as its maximum length."""
    model: str | None = None
    """None for the session's."""
    temperature: float | None = None
    """None for the session's."""
    sample: int = 0
    """Distinguishes questions with the same text."""
    stored: int = 0
    """How many of the messages are stored with earlier exchanges of the conversation."""
    once_a_run: bool = False
    """Whether the call is made once per run instead of once per round."""
    room: int = 1
    """How many times as long as usual the reply may be, as far as model and money allow."""


@dataclass(frozen=True)
class Exchange:
    """A reply, stored under ``key`` together with the request."""

    reply: ModelReply
    key: str

    def proposal(self) -> Proposal:
        return Proposal(reply=self.reply.content, exchange_key=self.key, model=self.reply.model)


class ModelSession:
    """Model calls of one round."""

    def __init__(
        self,
        run: RunContext,
        buyer: Buyer,
        templates: TemplateSet,
        *,
        model: str,
        temperature: float | None,
    ):
        """``temperature`` applies to questions without their own; None for the model's default."""
        self.temperature = temperature
        self.used_templates: dict[str, str] = {}
        """Template -> hash, for the templates rendered so far."""
        self.template_set = templates.set_hash
        self._run = run
        self._buyer = buyer
        self._templates = templates
        self._model = model

    @classmethod
    async def open(
        cls,
        run: RunContext,
        buyer: Buyer,
        templates: Templates,
        *,
        temperature: float | None = None,
    ) -> "ModelSession":
        """Open a session with the run's templates and the model that its job asks for."""
        return cls(
            run,
            buyer,
            await templates.of(run),
            model=requested_model(run) or buyer.model,
            temperature=temperature,
        )

    @property
    def model(self) -> str:
        return self._model

    def profile(self, model: str | None = None) -> ModelProfile:
        """Return the settings of a model; None for the session's.

        The first use may block for several seconds.
        """
        return self._buyer.profile(model or self._model)

    def redact(self, text: str) -> str:
        """Return the text without the process's secrets."""
        return self._buyer.redact(text)

    def render(self, jobs: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        """Render each (template, variables). Blocks: call it in a thread."""
        for name, _ in jobs:
            self.used_templates[name] = self._templates.hash(name)
        return self._templates.render_all(jobs)

    def render_prompt(
        self, system: str, user: str, variables: dict[str, Any]
    ) -> tuple[Message, Message]:
        """Render the two messages that start a conversation. Blocks: call it in a thread.

        The same variables always produce the same bytes, on any machine.
        """
        system_text, user_text = self.render([(system, variables), (user, variables)])
        return (
            Message(role="system", content=system_text),
            Message(role="user", content=user_text),
        )

    async def ask(self, question: Question) -> Exchange:
        """Buy the reply, and store the exchange at once.

        Raises:
            ModelError: the prompt is too long.
            Halt: the run is over, for example because its budget is exhausted.
        """
        request = self._buyer.redacted(await self._request(question))
        suffix = f" ({question.label})" if question.label else ""
        self._run.progress(f"asking {request.model}{suffix}")
        try:
            reply = await self._buyer.buy(self._run.ledger, self._call_key(question), request)
        except ModelError as error:
            # Stored too, so that a replay of the exchanges gets the same failure.
            await self._save(question, request, failure=error.failure)
            raise
        sent = request.model_copy(update={"model": reply.model})
        key = await self._save(question, sent, reply=reply)
        self._run.progress(
            f"{reply.prompt_tokens} tokens in, {reply.completion_tokens} out, ${reply.cost_usd:.4f}"
        )
        return Exchange(reply, key)

    async def recall(self, question: Question) -> None:
        """Tell the model's client the usage of an answered question."""
        request = await self._request(question)
        await self._buyer.recall(self._run.ledger, self._call_key(question), request)

    async def reservation(self, question: Question) -> float:
        """Return what a question reserves, in US dollars."""
        return await self._buyer.reservation(await self._request(question))

    async def _request(self, question: Question) -> ModelRequest:
        request = self._usual_request(question)
        if question.room == 1:
            return request
        usual = request.max_tokens
        if usual is None:
            profile = await asyncio.to_thread(self.profile, request.model)
            usual = profile.max_tokens[request.use]
        return request.model_copy(update={"max_tokens": usual * question.room})

    def _usual_request(self, question: Question) -> ModelRequest:
        temperature = question.temperature
        if temperature is None:
            temperature = self.temperature
        return ModelRequest(
            model=question.model or self._model,
            messages=question.messages,
            tools=question.tools,
            use=question.use,
            sample=question.sample,
            temperature=temperature,
            **self._templates.front_matter(question.template).hints,
        )

    def _call_key(self, question: Question) -> str:
        if question.once_a_run:
            return f"run/{question.label}"
        return f"{self._run.round}/{self._run.stage}/{question.label or 0}"

    async def _save(
        self,
        question: Question,
        request: ModelRequest,
        *,
        reply: ModelReply | None = None,
        failure: Failure | None = None,
    ) -> str:
        exchange = RecordedExchange.of(
            request, reply=reply, failure=failure, stored=question.stored
        )
        name = f"{question.label}-exchange.json" if question.label else "exchange.json"
        return await self._run.save(name, exchange.model_dump_json(indent=1, exclude_none=True))


def requested_model(run: RunContext) -> str | None:
    """Return the replay's model if it names one, else the job's."""
    replay = run.job.replay
    if replay is not None and replay.model:
        return replay.model
    return run.job.options.model
