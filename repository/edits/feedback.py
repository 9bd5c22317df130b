"""What a model is told of an edit that does not fit: why, and the nearest lines of the file. Never
what is applied.
"""

import difflib
from collections import Counter
from collections.abc import Sequence

_SHOWN_LINES = 30
_SHOWN_WIDTH = 200
_COMPARED_LINES = 4_000
"""Fuzzy comparison beyond this many lines of a file is not tried."""
_VOTED_LINES = 2_000


def ambiguous(places: list[int], *, enough: bool = True) -> str:
    where = ", ".join(str(at + 1) for at in places[:5]) + (", ..." if len(places) > 5 else "")
    number = str(len(places)) if enough else f"{len(places)} or more"
    return (
        f"what it searches for occurs {number} times (lines {where}); give more lines, so that it"
        " occurs once"
    )


def no_match(lines: Sequence[str], wanted: Sequence[str]) -> str:
    bare = [line.rstrip() for line in lines]
    wanted = [line.rstrip() for line in wanted]
    at = _nearest(bare, wanted)
    if at is None:
        return "what it searches for is not in the file, and nothing like it"
    window = bare[at : at + len(wanted)]
    if [line.strip() for line in window] == [line.strip() for line in wanted]:
        first = window[1:] == wanted[1:]
        why = (
            "the first line's indentation is not the file's"
            if first
            else "the indentation is not the file's"
        )
        return (
            f"what it searches for is in the file but for the indentation: {why}."
            f" {shown(bare, at, at + len(wanted))}"
        )
    return "what it searches for is not in the file as it is written. " + shown(
        bare, at, at + len(wanted)
    )


def shown(lines: Sequence[str], start: int, end: int) -> str:
    """The file's lines around a place, as they are, for the model to copy."""
    start = max(start - 3, 0)
    end = min(end + 3, len(lines))
    end = min(end, start + _SHOWN_LINES)
    body = "\n".join(line[:_SHOWN_WIDTH] for line in lines[start:end])
    return f"The nearest lines of the file, {start + 1} to {end}, are:\n{body}"


def _nearest(lines: list[str], wanted: list[str]) -> int | None:
    """Where most of the searched lines stand in step, rare ones counting more; else where the
    longest has its like.
    """
    wanted = wanted[:_VOTED_LINES]
    known: dict[str, list[int]] = {}
    for at, line in enumerate(lines):
        if stripped := line.strip():
            known.setdefault(stripped, []).append(at)
    votes: Counter[int] = Counter()
    for offset, want in enumerate(wanted):
        places = known.get(want.strip(), [])
        for at in places[:50]:
            votes[max(at - offset, 0)] += 1_000 // len(places)
    if votes:
        return max(votes, key=lambda at: (votes[at], -at))
    if not wanted:
        return None
    longest = max(range(len(wanted)), key=lambda n: len(wanted[n].strip()))
    compared = [line for line in known if len(line) <= _SHOWN_WIDTH][:_COMPARED_LINES]
    alike = difflib.get_close_matches(wanted[longest].strip()[:_SHOWN_WIDTH], compared, 1, 0.6)
    return max(known[alike[0]][0] - longest, 0) if alike else None
