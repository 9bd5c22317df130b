"""The transcript: what an agent did, step by step, for people and programs.

Its form is documented in docs/transcripts.md.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from stages.propose_patch.agent.steps import Observation, StepRecord

Redact = Callable[[str], str]


class TranscriptCall(BaseModel):
    """A tool call and its result."""

    model_config = ConfigDict(frozen=True)

    tool: str
    call: str
    """The command, or another tool's arguments, one per line."""
    result: str
    """What the model was sent."""
    failed: bool
    """Whether the call was invalid or could not be executed."""
    exit_code: int | None
    """Of a command; None for other tools."""


class TranscriptStep(BaseModel):
    """One reply of the model, and the results of its calls."""

    model_config = ConfigDict(frozen=True)

    number: int
    round: int
    before: str
    """The harness's message before the reply: in the first step of a later round, why it began."""
    thoughts: str
    """Readable reasoning, where the provider returns it."""
    reply: str
    """The text of the reply."""
    model: str
    calls: tuple[TranscriptCall, ...]
    notes: tuple[str, ...]
    """The harness's sentences after the results."""
    ending: str | None
    """Why the round ends with this step; None if it continues."""
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    seconds: float
    """Duration of the calls."""
    exchange_key: str
    """Artifact: the request and the reply."""


class Transcript(BaseModel):
    """All steps of one attempt so far."""

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    attempt: int
    ending: str | None
    """Why the last round ended; None if it continues."""
    steps: tuple[TranscriptStep, ...]

    def of_round(self, number: int) -> "Transcript":
        """Return the transcript of one round."""
        steps = tuple(step for step in self.steps if step.round == number)
        return self.model_copy(update={"steps": steps})


def make_transcript(
    attempt: int, records: Sequence[StepRecord], ending: str | None, redact: Redact
) -> Transcript:
    """Return the transcript of the stored steps, without secrets."""
    return Transcript(
        attempt=attempt,
        ending=ending,
        steps=tuple(_step(record, redact) for record in records),
    )


def _step(record: StepRecord, redact: Redact) -> TranscriptStep:
    return TranscriptStep(
        number=record.number,
        round=record.round,
        before=redact(record.before),
        thoughts=redact(record.usage.thoughts),
        reply=redact(record.reply.content),
        model=record.reply.model or "",
        calls=tuple(_call(observation, redact) for observation in record.observations),
        notes=tuple(redact(note) for note in record.notes),
        ending=record.ending,
        prompt_tokens=record.usage.prompt_tokens,
        completion_tokens=record.usage.completion_tokens,
        cost_usd=record.usage.cost_usd,
        seconds=round(record.seconds, 3),
        exchange_key=record.exchange_key,
    )


def _call(observation: Observation, redact: Redact) -> TranscriptCall:
    return TranscriptCall(
        tool=observation.tool,
        call=redact(observation.call),
        result=redact(observation.text),
        failed=observation.failed,
        exit_code=observation.exit_code,
    )
