"""What earlier rounds of a run have tried: no change is tested twice, and the best one is not lost."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from pipeline.outcome import Facts, Outcome
from pipeline.stage import Back, Stop
from pipeline.store.contract import Round


class Tried(BaseModel):
    model_config = ConfigDict(frozen=True)

    tree: str
    patch_key: str
    red: int
    """Tests that fail with it and passed before."""


def tried(rounds: Sequence[Round]) -> list[Tried]:
    """Oldest first."""
    return [
        Tried.model_validate(told) for opened in rounds for told in opened.note.get("tried", [])
    ]


def note(rounds: Sequence[Round], now: Sequence[Tried]) -> dict[str, Any]:
    """For ``Back``: what was tried in this round; the run's patch is the best one so far, the newer
    of equals.
    """
    best = min(reversed([*tried(rounds), *now]), key=lambda each: each.red)
    facts = Facts(artifacts={"patch": best.patch_key})
    return {"tried": [each.model_dump() for each in now], "facts": facts.model_dump(mode="json")}


def again(rounds: Sequence[Round], tree: str) -> Back | Stop:
    """Where every change of a round was tried in an earlier one: told once, the end the second
    time.
    """
    opened = next(
        opened
        for opened in rounds
        if any(each["tree"] == tree for each in opened.note.get("tried", []))
    )
    kept = note(rounds, [])
    if any(earlier.note.get("repeated") for earlier in rounds):
        reason = f"stuck: it proposed again what round {opened.number - 1} had tried"
        return Stop(Outcome.NO_FIX, reason, Facts.model_validate(kept["facts"]))
    because = (
        f"This is the change of round {opened.number - 1} again, and it fails as it did"
        f" then.\n\n{opened.because}"
    )
    return Back("propose_patch", because, kept | {"repeated": True})
