"""What is stored of each step, from which a killed run rebuilds the conversation."""

from pydantic import BaseModel, ConfigDict

from pipeline.model import Message


class Observation(BaseModel):
    """What the model is told about one of its calls."""

    model_config = ConfigDict(frozen=True)

    call_id: str | None
    """The call that it answers; None in the text protocol."""
    tool: str
    """Name of the tool, or the name that the model used for an unknown one."""
    call: str
    """The call in a few lines, for people; also compared to detect circles."""
    text: str
    """The text as it is sent."""
    failed: bool = False
    """Whether the call was invalid or could not be executed."""
    exit_code: int | None = None
    """Of a command; None for other tools."""


class StepRecord(BaseModel):
    """One reply of the model, and what its calls showed.

    It is stored once all calls of the reply were executed. The next request is built from these
    records alone.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    """From 1; it goes on across the rounds of a run."""
    round: int
    before: str = ""
    """The harness's message before the reply: in the first step of a later round, why it began."""
    reply: Message
    """The model's reply, as it is sent back."""
    exchange_key: str
    """Artifact: the request and the reply."""
    observations: tuple[Observation, ...] = ()
    """One for each call, in order."""
    notes: tuple[str, ...] = ()
    """The harness's own sentences, sent after the observations."""
    snapshot_key: str | None = None
    """Artifact: what the step changed in the workspace; None if nothing."""
    ending: str | None = None
    """Why the round ends with this step; None if it goes on."""
    seconds: float = 0.0
    """How long its calls took."""
