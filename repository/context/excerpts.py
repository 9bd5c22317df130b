"""Show a file within a token limit: whole where it fits, else the pieces that have most to do with
the issue.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from prompts.filters import BYTES_PER_TOKEN, tokens_of
from repository.context.ranking import Counts, Query
from repository.definitions import column_of, defined_names, definition_at

OMITTED = re.compile(r"\[\.\.\. lines \d+ to \d+ are not shown \.\.\.\]")
"""The mark, alone on a line, for lines left out. No language takes it for code."""

_ABOVE = re.compile(r"[ \t]*(?:@|#|//|/?\*)")
"""Decorators and comments belong to the definition below them."""
_UNIT = 60
_HEAD = 40
"""Lines; the imports are among the first. Shown where they take a quarter of the room at most."""
_MARK_BYTES = 60


@dataclass(frozen=True)
class Excerpt:
    text: str
    whole: bool
    tokens: int


def excerpt(text: str, query: Query, max_tokens: int) -> Excerpt | None:
    """``text`` within ``max_tokens``, line ends as LF, no byte-order mark; None where nothing
    useful fits.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if (tokens := tokens_of(text)) <= max_tokens:
        return Excerpt(text, True, tokens)
    lines = text.removesuffix("\n").split("\n")
    units = _units(lines)
    counts = Counts(query)
    for number, (start, end) in enumerate(units):
        counts.add(str(number), "\n".join(lines[start:end]))
    scored = counts.scores()
    scores = [scored[str(number)] for number in range(len(units))]
    order = sorted(range(len(units)), key=lambda n: (-_worth(lines, units[n], scores[n], query), n))
    left = max_tokens * BYTES_PER_TOKEN - _MARK_BYTES
    head = set(range(min(_HEAD, units[0][1])))
    left -= _bytes(lines, head)
    if left < max_tokens * BYTES_PER_TOKEN * 3 // 4:
        left = left + _bytes(lines, head)
        head = set()
    shown: set[int] = set()
    for number in order:
        unit = set(range(*units[number]))
        if scores[number] == 0 or _bytes(lines, unit - head) > left:
            continue
        new = (unit | _holders(lines, units[number][0])) - shown - head
        if (cost := _bytes(lines, new)) <= left:
            shown |= new
            left -= cost
    if not shown:
        return None
    pieces = _pieces(lines, shown | head)
    return Excerpt(pieces, False, tokens_of(pieces))


def _bytes(lines: list[str], new: set[int]) -> int:
    """What showing more lines costs at most, a mark for each run of them included."""
    runs = sum(1 for number in new if number - 1 not in new)
    return sum(len(lines[number].encode()) + 1 for number in new) + runs * _MARK_BYTES


def _worth(lines: list[str], unit: tuple[int, int], score: float, query: Query) -> float:
    names = defined_names("\n".join(lines[slice(*unit)]))
    return score * (1.5 if names & query.identifiers else 1.0)


def _units(lines: list[str]) -> list[tuple[int, int]]:
    """Functions, methods and what is between them; long ones parted. What a function defines is
    part of it.
    """
    cuts = {0, len(lines)}
    around: list[tuple[int, bool]] = []
    for number, line in enumerate(lines):
        found = definition_at(line)
        if found is None:
            continue
        indent = found.column
        while around and around[-1][0] >= indent:
            around.pop()
        if not around or around[-1][1]:
            start = number
            while start > 0 and _ABOVE.match(lines[start - 1]):
                start -= 1
            cuts.add(start)
        around.append((indent, found.is_container))
    ordered = sorted(cuts)
    units = []
    for start, end in pairwise(ordered):
        while end - start > _UNIT * 2:
            blank = next(
                (n for n in range(start + _UNIT, start + _UNIT * 2) if not lines[n].strip()),
                start + _UNIT - 1,
            )
            units.append((start, blank + 1))
            start = blank + 1
        units.append((start, end))
    return units


def _holders(lines: list[str], start: int) -> set[int]:
    """The first lines of the classes around a definition, so that a method is not taken for a
    function.
    """
    first = next((line for line in lines[start:] if line.strip()), "")
    indent = column_of(first)
    found: set[int] = set()
    for number in range(start - 1, -1, -1):
        if indent == 0:
            break
        above = definition_at(lines[number])
        if above and above.column < indent:
            indent = above.column
            found.add(number)
    return found


def _pieces(lines: list[str], shown: set[int]) -> str:
    """The lines of ``shown`` in order, a mark wherever others are left out."""
    out: list[str] = []
    at = 0
    for number in [*sorted(shown), len(lines)]:
        if number > at:
            out.append(f"[... lines {at + 1} to {number} are not shown ...]")
        out += lines[number : number + 1]
        at = number + 1
    return "\n".join(out) + "\n"
