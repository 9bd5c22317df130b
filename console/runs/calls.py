"""The model calls of a run: what was asked, what was answered, and what it cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from console.runs.agent_steps import AgentStep
from console.runs.source import RunSource, artifact_key
from pipeline.model import ModelReply, ToolCall
from pipeline.model.recording import RecordedExchange
from pipeline.money import to_usd
from pipeline.outcome import RunResult
from pipeline.run_key import RunKey
from pipeline.store.contract import Call, Round
from stages.propose_patch import Proposals
from stages.propose_patch.results import STAGE as PROPOSE_PATCH
from stages.propose_patch.round_note import CutOffNote
from stages.run_tests import RunTests, Verdict

#: The first part of the ledger's keys of calls that are made once a run: those of the agent.
_ONCE_A_RUN = "run"
#: The last part of the key of a call that is its stage's only one in a round.
_ONLY_CALL = "0"
_EXCHANGE = "exchange.json"


@dataclass(frozen=True)
class PromptMessage:
    """A message of a prompt."""

    role: str
    text: str


@dataclass(frozen=True)
class Answer:
    """A reply and its usage. The texts of an agent's reply are in its step, and empty here."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None = None
    """The part of ``prompt_tokens`` that came from the provider's cache; None if unknown."""
    finish_reason: str = ""
    text: str = ""
    thoughts: str = ""
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True)
class ModelCall:
    """One attempt to buy a reply."""

    name: str
    """The ledger's key: equal for attempts at the same reply."""
    attempt: int
    stage: str
    round: int | None
    """None if no stored result says it."""
    model: str
    state: str
    """settled, reserved, released (it cost nothing), or cut (it may have been charged)."""
    cost_usd: float
    """What was paid, or is kept for it."""
    started_at: float
    ended_at: float | None
    """None if it was not answered, or if an older version stored it."""
    step: AgentStep | None = None
    """The agent's step that its reply began."""
    prompt: tuple[PromptMessage, ...] = ()
    """Empty if no stored result names the exchange, and for an agent's later steps, whose requests
    consist of the first prompt and the steps before."""
    answer: Answer | None = None
    exchange_key: str | None = None
    """Artifact: the request and the reply."""

    @property
    def title(self) -> str:
        """What the call was for, in a few words."""
        if self.step is not None:
            title = self.step.title
        elif self.round is None:
            title = self.name
        else:
            label = self.name.rpartition("/")[2]
            title = f"round {self.round}, {self.stage}"
            if label != _ONLY_CALL:
                title += f", {label}"
        return title if self.attempt == 1 else f"{title}, try {self.attempt}"

    @property
    def seconds(self) -> float | None:
        if self.ended_at is None:
            return None
        return max(self.ended_at - self.started_at, 0.0)


def read_calls(
    source: RunSource, steps: Sequence[AgentStep], result: RunResult | None
) -> tuple[ModelCall, ...]:
    """Return the run's calls, oldest first."""
    steps_by_key = {step.call_key: step for step in steps}
    exchanges = _exchange_keys(source, result)
    calls: list[ModelCall] = []
    for stored in sorted(source.calls, key=lambda call: call.created_at):
        call = _describe(stored, has_ended=source.run.state == "finished")
        if stored.state == "settled":
            step = steps_by_key.get(stored.key)
            if step is not None:
                call = _with_step(call, step, source)
            else:
                call = _with_exchange(call, stored, exchanges.get(stored.key), source)
        calls.append(call)
    return tuple(calls)


def _describe(stored: Call, *, has_ended: bool) -> ModelCall:
    place, _, rest = stored.key.partition("/")
    state = stored.state
    if state == "reserved" and has_ended:
        state = "cut"  # as the store marks it together with the run's end
    return ModelCall(
        name=stored.key,
        attempt=stored.attempt,
        stage=PROPOSE_PATCH if place == _ONCE_A_RUN else rest.partition("/")[0],
        round=int(place) if place.isdecimal() else None,
        model=stored.model,
        state=state,
        cost_usd=to_usd(stored.micro_usd),
        started_at=stored.created_at,
        ended_at=stored.ended_at,
    )


def _with_step(call: ModelCall, step: AgentStep, source: RunSource) -> ModelCall:
    record = step.record
    exchange = None
    if record.number == 1:
        exchange = source.read_model(record.exchange_key, RecordedExchange)
    return replace(
        call,
        round=record.round,
        step=step,
        prompt=_prompt(exchange),
        answer=Answer(record.usage.prompt_tokens, record.usage.completion_tokens),
        exchange_key=record.exchange_key,
    )


def _with_exchange(
    call: ModelCall, stored: Call, exchange_key: str | None, source: RunSource
) -> ModelCall:
    exchange = None
    if exchange_key is not None:
        exchange = source.read_model(exchange_key, RecordedExchange)
    reply = exchange.reply if exchange is not None else None
    if reply is None:
        reply = source.read_model(stored.reply_key, ModelReply)
    return replace(
        call,
        prompt=_prompt(exchange),
        answer=_answer(reply) if reply is not None else None,
        exchange_key=exchange_key,
    )


def _answer(reply: ModelReply) -> Answer:
    return Answer(
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        cached_tokens=reply.cached_tokens,
        finish_reason=reply.finish_reason,
        text=reply.content,
        thoughts=reply.reasoning_text,
        tool_calls=reply.tool_calls,
    )


def _prompt(exchange: RecordedExchange | None) -> tuple[PromptMessage, ...]:
    if exchange is None:
        return ()
    messages = exchange.request.messages
    return tuple(PromptMessage(message.role, message.content) for message in messages)


def _exchange_keys(source: RunSource, result: RunResult | None) -> Mapping[str, str]:
    """Return the artifact of each exchange that a stored result names, by the key of its call."""
    artifacts = [
        *_keys_in_stage_results(source),
        *_keys_in_notes(source.rounds),
        *_keys_in_result(source.run.key, result),
    ]
    keys: dict[str, str] = {}
    for artifact in artifacts:
        name = _call_key(source.run.key, artifact)
        if name is not None:
            keys[name] = artifact
    return keys


def _keys_in_stage_results(source: RunSource) -> Iterable[str]:
    for checkpoint in source.stage_results:
        if checkpoint.stage == PROPOSE_PATCH:
            proposals = source.read_checkpoint(checkpoint, Proposals)
            if proposals is not None:
                yield from (proposal.exchange_key for proposal in proposals.proposals)
        elif checkpoint.stage == RunTests.name:
            verdict = source.read_checkpoint(checkpoint, Verdict)
            if verdict is not None and verdict.choice_key is not None:
                yield verdict.choice_key


def _keys_in_notes(rounds: Iterable[Round]) -> Iterable[str]:
    """Yield the exchanges whose replies were unusable, so that a round was opened."""
    for opened in rounds:
        try:
            note = CutOffNote.model_validate(opened.note)
        except ValidationError:  # from another version
            continue
        if note.exchange_key is not None:
            yield note.exchange_key


def _keys_in_result(run: RunKey, result: RunResult | None) -> Iterable[str]:
    addresses = result.artifacts.values() if result is not None else ()
    for address in addresses:
        key = artifact_key(run, address)
        if key is not None:
            yield key


def _call_key(run: RunKey, artifact: str) -> str | None:
    """Return the ledger's key of the call whose exchange is stored under ``artifact``.

    ``JOB/GENERATION/ROUND/STAGE/FINGERPRINT-LABEL-exchange.json`` belongs to the call
    ``ROUND/STAGE/LABEL``: see ``stages.propose_patch.model_session``.
    """
    place, _, name = artifact.removeprefix(f"{run.prefix}/").rpartition("/")
    if not name.endswith(_EXCHANGE):
        return None
    label = name.partition("-")[2].removesuffix(_EXCHANGE).removesuffix("-")
    return f"{place}/{label or _ONLY_CALL}"
