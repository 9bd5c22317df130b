"""Answer a round that proposes only changes tested in earlier rounds: none is tested twice."""

from pipeline.outcome import Outcome
from pipeline.stage import Back, RunContext, Stop
from pipeline.store.contract import Round
from stages.propose_patch.round_note import SentBackNote, note_sent_back


def repeated_round(run: RunContext, tree: str, *, attempt: int) -> Back | Stop:
    """Return the answer to a round whose changes were all tested in an earlier one.

    The first time, the feedback says so; the second time, the run ends.
    """
    opened = _round_opened_for(run, tree)
    tested_in = opened.number - 1
    note = note_sent_back(run, [], attempt=attempt)
    if any(earlier.repeated for earlier in run.notes(SentBackNote)):
        reason = f"stuck: the model proposed the change of round {tested_in} again"
        return Stop(Outcome.NO_FIX, reason, note.facts)
    because = (
        f"This is the change of round {tested_in} again, and it still fails for the same"
        f" reason.\n\n{opened.because}"
    )
    return Back("propose_patch", because, note.model_copy(update={"repeated": True}))


def _round_opened_for(run: RunContext, tree: str) -> Round:
    """Return the round that was opened after the change with this tree had failed."""
    notes = run.notes(SentBackNote)
    for opened, note in zip(run.rounds, notes, strict=True):
        trees = [candidate.tree for candidate in note.candidates]
        if tree in trees:
            return opened
    raise ValueError(f"no round has tested the tree {tree}")
