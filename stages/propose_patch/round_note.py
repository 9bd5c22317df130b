"""What a stage that sends a run back to ``propose_patch`` leaves for the rounds after it."""

from pydantic import BaseModel, ConfigDict

from pipeline.stage import RoundNote


class Attempt(BaseModel):
    """A candidate that was tested and sent back."""

    model_config = ConfigDict(frozen=True)

    tree: str
    patch_key: str
    red: int
    """Tests that fail with it and passed before."""


class AttemptsNote(RoundNote):
    attempts: tuple[Attempt, ...] = ()
    """The candidates that the round before tested."""
    repeated: bool = False
    """Whether all that the round before proposed had been tested in an earlier round."""
