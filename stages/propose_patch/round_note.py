"""The note of a stage that sends a run back to ``propose_patch``: which candidates failed, and how.

Any stage after ``apply_patch`` that returns ``Back`` adds ``note_attempts(run, attempts)``: without
it the run would lose its best patch so far, and the same candidate would be tested again.
"""

import math
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from pipeline.outcome import Facts
from pipeline.stage import RoundNote, RunContext


class Attempt(BaseModel):
    """A candidate that was sent back."""

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
    """The candidates that were sent back when this round was opened."""
    repeated: bool = False
    """Whether every candidate of the previous round had been tested in an earlier one."""


def earlier_attempts(run: RunContext) -> list[Attempt]:
    """Return the attempts of earlier rounds, oldest first."""
    attempts: list[Attempt] = []
    for note in run.notes(AttemptsNote):
        attempts.extend(note.attempts)
    return attempts


def note_attempts(run: RunContext, attempts: Sequence[Attempt]) -> AttemptsNote:
    """Return the note of this round's attempts, of which the run must have one by now.

    The run's patch is the best attempt so far; the newest one wins a tie.
    """
    all_attempts = [*earlier_attempts(run), *attempts]
    newest_first = reversed(all_attempts)
    best = min(newest_first, key=lambda attempt: attempt.severity)
    facts = Facts(artifacts={"patch": best.patch_key})
    return AttemptsNote(attempts=tuple(attempts), facts=facts)
