"""Show a file within a token limit: whole where it fits, else the pieces related to the issue."""

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import pairwise

from prompts.tokens import BYTES_PER_TOKEN, tokens_of
from repository.context.bm25 import DocumentTerms
from repository.context.query import Query
from repository.definitions import DefinitionLine, column_of, defined_names, definition_at

OMITTED = re.compile(r"\[\.\.\. lines \d+ to \d+ are not shown \.\.\.\]")
"""The mark, alone on a line, for lines left out. No language takes it for code."""

_ABOVE_DEFINITION = re.compile(r"[ \t]*(?:@|#|//|/?\*)")
"""Decorators and comments belong to the definition below them."""
_UNIT_LINES = 60
_HEAD_LINES = 40
"""Imports are among the first lines. Shown where they take a quarter of the room at most."""
_MARK_BYTES = 60
_DEFINES_NAMED = 1.5
"""A unit's score is multiplied by this where it defines what the issue names."""


@dataclass(frozen=True)
class Excerpt:
    text: str
    whole: bool
    tokens: int


def excerpt(text: str, query: Query, max_tokens: int) -> Excerpt | None:
    """Return ``text`` within ``max_tokens``, with LF as line end and no byte-order mark.

    None where nothing useful fits.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    tokens = tokens_of(text)
    if tokens <= max_tokens:
        return Excerpt(text, True, tokens)
    lines = text.removesuffix("\n").split("\n")
    chosen = _choose_lines(lines, query, max_tokens * BYTES_PER_TOKEN)
    if not chosen:
        return None
    pieces = _join_pieces(lines, chosen)
    return Excerpt(pieces, False, tokens_of(pieces))


def _choose_lines(lines: Sequence[str], query: Query, max_bytes: int) -> set[int]:
    """Return the numbers of the lines to show; none where no unit fits."""
    units = _split_into_units(lines)
    left = max_bytes - _MARK_BYTES
    head = set(range(min(_HEAD_LINES, units[0].stop)))
    if left - _cost(lines, head) < max_bytes * 3 // 4:
        head = set()
    left -= _cost(lines, head)
    chosen: set[int] = set()
    for unit in _order_by_worth(lines, units, query):
        if _cost(lines, set(unit) - head) > left:
            continue
        new = {*unit, *_enclosing_lines(lines, unit.start)} - chosen - head
        cost = _cost(lines, new)
        if cost <= left:
            chosen |= new
            left -= cost
    return chosen | head if chosen else set()


def _order_by_worth(lines: Sequence[str], units: Sequence[range], query: Query) -> Iterable[range]:
    """Return the units that have to do with the issue, best first."""
    documents = DocumentTerms(query)
    texts = ["\n".join(lines[unit.start : unit.stop]) for unit in units]
    for number, text in enumerate(texts):
        documents.add(str(number), text)
    worth: dict[int, float] = {}
    for document, score in documents.scores().items():
        number = int(document)
        defines_named = not query.identifiers.isdisjoint(defined_names(texts[number]))
        if score != 0:
            worth[number] = score * (_DEFINES_NAMED if defines_named else 1.0)
    return [units[number] for number in sorted(worth, key=lambda number: (-worth[number], number))]


def _cost(lines: Sequence[str], numbers: AbstractSet[int]) -> int:
    """Return the bytes that showing more lines takes at most, with a mark for each run of them."""
    runs = sum(1 for number in numbers if number - 1 not in numbers)
    text_bytes = sum(len(lines[number].encode()) + 1 for number in numbers)
    return text_bytes + runs * _MARK_BYTES


def _split_into_units(lines: Sequence[str]) -> list[range]:
    """Return ranges of lines: functions, methods and what is between them; long ones are parted."""
    boundaries = sorted({0, *_unit_starts(lines), len(lines)})
    units = []
    for start, stop in pairwise(boundaries):
        units += _part(lines, start, stop)
    return units


def _unit_starts(lines: Sequence[str]) -> list[int]:
    """Return where definitions begin. What a function defines is part of the function."""
    starts = []
    enclosing: list[DefinitionLine] = []
    for number, line in enumerate(lines):
        definition = definition_at(line)
        if definition is None:
            continue
        while enclosing and enclosing[-1].column >= definition.column:
            enclosing.pop()
        if not enclosing or enclosing[-1].is_container:
            starts.append(_with_lines_above(lines, number))
        enclosing.append(definition)
    return starts


def _with_lines_above(lines: Sequence[str], number: int) -> int:
    while number > 0 and _ABOVE_DEFINITION.match(lines[number - 1]):
        number -= 1
    return number


def _part(lines: Sequence[str], start: int, stop: int) -> list[range]:
    """Return one range, or several where it is long, parted at blank lines where there are any."""
    parts = []
    while stop - start > _UNIT_LINES * 2:
        part_stop = start + _UNIT_LINES
        for number in range(start + _UNIT_LINES, start + _UNIT_LINES * 2):
            if not lines[number].strip():
                part_stop = number + 1
                break
        parts.append(range(start, part_stop))
        start = part_stop
    parts.append(range(start, stop))
    return parts


def _enclosing_lines(lines: Sequence[str], start: int) -> list[int]:
    """Return the first lines of the classes around a definition, so that a method is not taken for
    a function.
    """
    first_line = next((line for line in lines[start:] if line.strip()), "")
    column = column_of(first_line)
    enclosing = []
    for number in range(start - 1, -1, -1):
        if column == 0:
            break
        definition = definition_at(lines[number])
        if definition is not None and definition.column < column:
            column = definition.column
            enclosing.append(number)
    return enclosing


def _join_pieces(lines: Sequence[str], numbers: Iterable[int]) -> str:
    """Return the lines in order, with a mark wherever others are left out."""
    pieces = []
    next_line = 0
    for number in sorted(numbers):
        if number > next_line:
            pieces.append(_mark(next_line, number))
        pieces.append(lines[number])
        next_line = number + 1
    if next_line < len(lines):
        pieces.append(_mark(next_line, len(lines)))
    return "\n".join(pieces) + "\n"


def _mark(start: int, stop: int) -> str:
    return f"[... lines {start + 1} to {stop} are not shown ...]"
