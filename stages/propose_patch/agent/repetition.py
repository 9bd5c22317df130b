"""Detect that the model repeats itself. Modelled on OpenHands' stuck detector."""

from collections.abc import Sequence
from pathlib import Path

from repository.testing.run.output import normalize_output
from stages.propose_patch.agent.steps import StepRecord

#: Number of times a step, or an alternating pair of steps, must occur in a row.
REPEATS = 3
_Turn = tuple[tuple[str, str], ...]


def is_repeating(records: Sequence[StepRecord], workspace: Path) -> bool:
    """Whether the last steps repeat the same calls and results, or alternate between two."""
    last = records[-2 * REPEATS :]
    turns = [_turn(record, workspace) for record in last]
    if _all_equal(turns[-REPEATS:], REPEATS):
        return True
    if len(turns) < 2 * REPEATS:
        return False
    return _all_equal(turns[::2], REPEATS) and _all_equal(turns[1::2], REPEATS)


def _turn(record: StepRecord, workspace: Path) -> _Turn:
    """Return a step's calls and results, without durations and addresses."""
    return tuple(
        (observation.call, normalize_output(observation.text, workspace))
        for observation in record.observations
    )


def _all_equal(turns: Sequence[_Turn], count: int) -> bool:
    """Whether there are ``count`` turns with calls, and all are the same."""
    return len(turns) == count and bool(turns[0]) and len(set(turns)) == 1
