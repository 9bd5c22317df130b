"""Notes about a round's candidates, for the rounds after it."""

import math

from pydantic import BaseModel, ConfigDict

from pipeline.stage import RoundNote


class Attempt(BaseModel):
    """A candidate that was tested and sent back."""

    model_config = ConfigDict(frozen=True)

    tree: str
    patch_key: str
    regressions: int | None
    """Number of tests that pass only without the candidate; None if no test ran."""

    @property
    def is_broken(self) -> bool:
        return self.regressions != 0

    @property
    def severity(self) -> float:
        """The number of regressions; infinite if no test ran."""
        return math.inf if self.regressions is None else self.regressions


class AttemptsNote(RoundNote):
    attempts: tuple[Attempt, ...] = ()
    """The candidates that the previous round tested."""
    repeated: bool = False
    """Whether all proposals of the previous round had already been tested in an earlier one."""
