"""What earlier rounds of a run tested: no change is tested twice, and the best one is not lost."""

from collections.abc import Sequence

from pipeline.outcome import Facts, Outcome
from pipeline.stage import Back, RunContext, Stop
from stages.propose_patch.round_note import Attempt, AttemptsNote


def earlier_attempts(run: RunContext) -> list[Attempt]:
    """Return what earlier rounds tested, oldest first."""
    return [attempt for note in run.notes(AttemptsNote) for attempt in note.attempts]


def round_note(run: RunContext, now: Sequence[Attempt]) -> AttemptsNote:
    """Return the note of this round's attempts.

    The run's patch is the best attempt so far, the newer one of equals.
    """
    attempts = [*earlier_attempts(run), *now]
    best = min(reversed(attempts), key=lambda attempt: attempt.red)
    return AttemptsNote(attempts=tuple(now), facts=Facts(artifacts={"patch": best.patch_key}))


def repeated_round(run: RunContext, tree: str) -> Back | Stop:
    """Return what follows where every change of a round was tested in an earlier one.

    The model is told so once; the second time is the run's end.
    """
    notes = run.notes(AttemptsNote)
    holds_tree = [any(attempt.tree == tree for attempt in note.attempts) for note in notes]
    opened = run.rounds[holds_tree.index(True)]
    note = round_note(run, [])
    if any(earlier.repeated for earlier in notes):
        reason = f"stuck: it proposed again what round {opened.number - 1} had tried"
        return Stop(Outcome.NO_FIX, reason, note.facts)
    because = (
        f"This is the change of round {opened.number - 1} again, and it fails as it did"
        f" then.\n\n{opened.because}"
    )
    return Back("propose_patch", because, note.model_copy(update={"repeated": True}))
