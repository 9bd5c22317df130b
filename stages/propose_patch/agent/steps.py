"""The stored record of each step, from which a restarted run rebuilds the conversation."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from pipeline.model import Message, ModelReply
from pipeline.outcome import Facts, Outcome
from pipeline.stage import Stop

#: The round of steps that an earlier run has taken.
EARLIER_RUN = 0


class EditedFile(BaseModel):
    """A file that the editor changed, for undoing it."""

    model_config = ConfigDict(frozen=True)

    path: str
    before_key: str | None
    """Artifact: the file before the edit; None if there was none."""
    undone: bool = False
    """Whether the call undid the last edit of the file."""


class Observation(BaseModel):
    """The answer to one of the model's calls."""

    model_config = ConfigDict(frozen=True)

    call_id: str | None
    """The call that it answers; None in the text protocol."""
    tool: str
    """Name of the tool, or the name that the model used for an unknown one."""
    call: str
    """The call in a few lines, for people; also compared to detect repetition."""
    text: str
    """The text as it is sent."""
    failed: bool = False
    """Whether the call was invalid or could not be executed."""
    understood: bool = True
    """False if the call was invalid."""
    exit_code: int | None = None
    """Of a command; None for other tools."""
    edited: tuple[EditedFile, ...] = ()
    """What the editor changed, in order."""


class RunEnd(BaseModel):
    """The end of the run, as a step stores it."""

    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    reason: str
    artifacts: dict[str, str] = {}

    @classmethod
    def of(cls, stop: Stop) -> "RunEnd":
        return cls(outcome=stop.outcome, reason=stop.reason, artifacts=stop.facts.artifacts)

    @property
    def stop(self) -> Stop:
        return Stop(self.outcome, self.reason, Facts(artifacts=self.artifacts))


class Usage(BaseModel):
    """The tokens and cost of a reply, and its readable reasoning, for people."""

    model_config = ConfigDict(frozen=True)

    thoughts: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    @classmethod
    def of(cls, reply: ModelReply) -> "Usage":
        return cls(
            thoughts=reply.reasoning_text,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            cost_usd=reply.cost_usd,
        )


class StepRecord(BaseModel):
    """One reply of the model, and what its calls showed.

    It is stored once all calls of the reply were executed. The next request is built from these
    records alone.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    """From 1, counted across all rounds of a conversation."""
    round: int
    """``EARLIER_RUN`` in the conversation of an earlier run that this one continues."""
    before: str = ""
    """The harness's message before the reply: in the first step of a later round, why it began."""
    reply: Message
    """The model's reply, as it is sent back."""
    usage: Usage = Usage()
    label: str
    """Names the model call and its exchange."""
    exchange_key: str
    """Artifact: the request and the reply."""
    observations: tuple[Observation, ...] = ()
    """One for each call, in order."""
    notes: tuple[str, ...] = ()
    """The harness's own sentences, sent after the observations."""
    snapshot_key: str | None = None
    """Artifact: what the step changed in the workspace; None if nothing."""
    cut_off: bool = False
    """Whether the reply was cut off at its maximum length, so that nothing of it was used."""
    reviewed_tree: str | None = None
    """SHA of the tree whose change was reviewed in answer to ``submit``."""
    asked_again: str | None = None
    """The tool that would end the work without the change, if the model was asked once more."""
    reminded: bool = False
    """Whether the notes hold the reminder that a limit is near."""
    history_limit: int
    """Characters of the steps that are sent with the next request."""
    ending: str | None = None
    """Why the round ends with this step; None if it continues."""
    run_end: RunEnd | None = None
    """The end of the run, if the round ends with it."""
    summary: str | None = None
    """The summary of ``submit``."""
    title: str | None = None
    """The title of ``submit``."""
    replies: dict[str, str] = {}
    """The model's replies to review comments, by the comment's name."""
    seconds: float = 0.0
    """Duration of its calls."""


def replies_to_comments(records: Sequence[StepRecord]) -> dict[str, str]:
    """Return the last reply to each review comment, by the comment's name."""
    replies: dict[str, str] = {}
    for record in records:
        replies.update(record.replies)
    return replies


def count_cut_replies(records: Sequence[StepRecord]) -> int:
    """Return how many of the last replies, without one in between, were cut off."""
    count = 0
    for record in reversed(records):
        if not record.cut_off:
            break
        count += 1
    return count


def reviewed_calls(records: Sequence[StepRecord]) -> list[Observation]:
    """Return the calls up to the last ``submit`` that was answered with a review, if any."""
    reviewed: list[Observation] = []
    calls: list[Observation] = []
    for record in records:
        calls.extend(record.observations)
        if record.reviewed_tree is not None:
            reviewed = list(calls)
    return reviewed
