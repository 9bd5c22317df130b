"""What a stage that sends a run back to ``propose_patch`` leaves for the rounds after it."""

import math

from pydantic import BaseModel, ConfigDict

from pipeline.stage import RoundNote


class Attempt(BaseModel):
    """A candidate that was tested and sent back."""

    model_config = ConfigDict(frozen=True)

    tree: str
    patch_key: str
    regressions: int | None
    """Tests that passed on the base and do not with it; None: no test ran."""

    @property
    def is_broken(self) -> bool:
        return self.regressions != 0

    @property
    def severity(self) -> float:
        """How bad it is: by its regressions; if no test ran, worst."""
        return math.inf if self.regressions is None else self.regressions


class AttemptsNote(RoundNote):
    attempts: tuple[Attempt, ...] = ()
    """The candidates that the round before tested."""
    repeated: bool = False
    """Whether all that the round before proposed had been tested in an earlier round."""
