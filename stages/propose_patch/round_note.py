"""The note of a stage that sends a run back to ``propose_patch``: which candidates failed, and how.

Any stage after ``apply_patch`` that returns ``Back`` adds ``note_sent_back(run, candidates)``:
without it the run would lose its best patch so far, and the same candidate would be tested again.
"""

import math
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from pipeline.outcome import Facts
from pipeline.stage import RoundNote, RunContext

#: A note is one item of the store, which a suite that fails as a whole must not make too large.
MAX_FAILING_TESTS = 50
MAX_TEST_NAME = 200
"""Characters."""


class SentBack(BaseModel):
    """A candidate that was sent back."""

    model_config = ConfigDict(frozen=True)

    tree: str
    patch_key: str
    regressions: int | None
    """Number of tests that pass only without the candidate; None if no test ran."""
    failing: tuple[str, ...] = ()
    """The first MAX_FAILING_TESTS tests that count against it."""
    failing_count: int = 0
    """How many tests count against it."""
    log_key: str | None = None
    """Artifact: the output of the tests with it."""

    @property
    def is_broken(self) -> bool:
        return self.regressions != 0

    @property
    def severity(self) -> float:
        """The number of regressions; infinite if no test ran."""
        return math.inf if self.regressions is None else self.regressions


class SentBackNote(RoundNote):
    candidates: tuple[SentBack, ...] = ()
    """Candidates that were sent back when this round was opened."""
    repeated: bool = False
    """Whether every candidate of the previous round had been tested in an earlier one."""
    attempt: int = 1
    """The agent's attempt that was sent back, and that continues in this round."""


class CutOffNote(RoundNote):
    cut_off: bool = False
    """Whether the reply of the previous round was cut off at its maximum length."""
    exchange_key: str | None = None
    """Artifact: the exchange whose reply was unusable."""


def count_cut_replies(run: RunContext) -> int:
    """Return how many of the last rounds, without one in between, ended with a cut reply."""
    count = 0
    for note in reversed(run.notes(CutOffNote)):
        if not note.cut_off:
            break
        count += 1
    return count


def all_sent_back(run: RunContext) -> list[SentBack]:
    """Return the candidates that earlier rounds sent back, oldest first."""
    candidates: list[SentBack] = []
    for note in run.notes(SentBackNote):
        candidates.extend(note.candidates)
    return candidates


def note_sent_back(
    run: RunContext, candidates: Sequence[SentBack], *, attempt: int
) -> SentBackNote:
    """Return the note of this round's candidates; the run must have at least one by now.

    The run's patch is the best candidate so far; the newest one wins a tie.
    """
    newest_first = reversed([*all_sent_back(run), *candidates])
    best = min(newest_first, key=lambda candidate: candidate.severity)
    facts = Facts(artifacts={"patch": best.patch_key})
    return SentBackNote(candidates=tuple(candidates), facts=facts, attempt=attempt)
