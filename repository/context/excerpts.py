"""Fit a file into a token limit: the whole file if possible, else what is relevant to the issue."""

import re
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import pairwise

from prompts.tokens import BYTES_PER_TOKEN, tokens_of
from repository.context.bm25 import DocumentTerms
from repository.context.query import Query
from repository.definitions import DefinitionLine, column_of, defined_names, definition_at

OMITTED = re.compile(r"\[\.\.\. lines \d+ to \d+ are not shown \.\.\.\]")
"""The line that marks omitted lines. It is not valid code in any language."""

_ABOVE_DEFINITION = re.compile(r"[ \t]*(?:@|#|//|/?\*)")
"""Decorators and comments belong to the definition below them."""
_UNIT_LINES = 60
_HEAD_LINES = 40
"""The first lines, with the imports, are shown if they take at most a quarter of the limit."""
_LINES_AROUND = 20
"""Lines shown before and after one that the issue names."""
_MARK_BYTES = 60
_DEFINES_NAMED = 1.5
"""Factor for the score of a unit that defines an identifier from the issue."""


@dataclass(frozen=True)
class Excerpt:
    text: str
    whole: bool
    tokens: int


def cut_excerpt(
    text: str, query: Query, max_tokens: int, named_lines: Collection[int] | None = None
) -> Excerpt | None:
    """Return an excerpt of at most ``max_tokens``, with LF line endings and no byte-order mark.

    Return None if nothing useful fits. ``named_lines`` are the numbers of the lines that the issue
    names, which come first. If it is given, the issue names the file: if no part of it is relevant,
    its beginning is shown.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    tokens = tokens_of(text)
    if tokens <= max_tokens:
        return Excerpt(text, True, tokens)
    lines = text.removesuffix("\n").split("\n")
    max_bytes = max_tokens * BYTES_PER_TOKEN
    named = _around(named_lines or (), len(lines))
    chosen = _choose_lines(lines, query, max_bytes, named)
    if not chosen and named_lines is not None:
        chosen = _beginning(lines, max_bytes)
    if not chosen:
        return None
    pieces = _join_pieces(lines, chosen)
    return Excerpt(pieces, False, tokens_of(pieces))


def _around(numbers: Collection[int], count: int) -> list[range]:
    """Return the indexes of lines around those with these numbers."""
    ranges: list[range] = []
    for number in sorted(numbers):
        if number <= count:
            start = max(0, number - 1 - _LINES_AROUND)
            ranges.append(range(start, min(count, number + _LINES_AROUND)))
    return ranges


def _beginning(lines: Sequence[str], max_bytes: int) -> set[int]:
    """Return the indexes of the first lines that fit."""
    chosen: set[int] = set()
    left = max_bytes - 2 * _MARK_BYTES
    for number, line in enumerate(lines):
        left -= len(line.encode()) + 1
        if left < 0:
            break
        chosen.add(number)
    return chosen


def _choose_lines(
    lines: Sequence[str], query: Query, max_bytes: int, named: Sequence[range]
) -> set[int]:
    """Return the indexes of the lines to show; empty if no unit fits.

    ``named`` are ranges of lines that come before all others.
    """
    units = _split_into_units(lines)
    left = max_bytes - _MARK_BYTES
    head_length = min(_HEAD_LINES, units[0].stop)
    head = set(range(head_length))
    left_below_head = left - _cost(lines, head)
    if left_below_head >= max_bytes * 3 // 4:
        left = left_below_head
    else:
        head = set()

    chosen: set[int] = set()
    for unit in [*named, *_order_by_relevance(lines, units, query)]:
        own_lines = set(unit)
        if _cost(lines, own_lines - head) > left:
            continue
        own_lines.update(_enclosing_lines(lines, unit.start))
        new_lines = own_lines - chosen - head
        cost = _cost(lines, new_lines)
        if cost <= left:
            chosen |= new_lines
            left -= cost
    if not chosen:
        return set()
    return chosen | head


def _order_by_relevance(
    lines: Sequence[str],
    units: Sequence[range],
    query: Query,
) -> list[range]:
    """Return the units relevant to the issue, best first."""
    documents = DocumentTerms(query)
    names: dict[range, set[str]] = {}
    for unit in units:
        text = "\n".join(lines[unit.start : unit.stop])
        documents.add(str(unit), text)
        names[unit] = defined_names(text)

    relevance: dict[range, float] = {}
    scores = documents.scores()
    for unit in units:
        score = scores[str(unit)]
        if score == 0:
            continue
        if not query.identifiers.isdisjoint(names[unit]):
            score *= _DEFINES_NAMED
        relevance[unit] = score
    return sorted(relevance, key=lambda unit: (-relevance[unit], unit.start))


def _cost(lines: Sequence[str], numbers: AbstractSet[int]) -> int:
    """Return an upper limit of the bytes for showing lines, with a mark before each run of them."""
    cost = 0
    for number in numbers:
        cost += len(lines[number].encode()) + 1
        starts_run = number - 1 not in numbers
        if starts_run:
            cost += _MARK_BYTES
    return cost


def _split_into_units(lines: Sequence[str]) -> list[range]:
    """Return ranges of lines: functions, methods and the code between them; long ones are split."""
    boundaries = sorted({0, *_unit_starts(lines), len(lines)})
    units: list[range] = []
    for start, stop in pairwise(boundaries):
        units += _part(lines, start, stop)
    return units


def _unit_starts(lines: Sequence[str]) -> list[int]:
    """Return the indexes where definitions begin, except those nested in functions."""
    starts: list[int] = []
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
    """Return a range of lines; a long one is split, at blank lines if possible."""
    parts: list[range] = []
    while stop - start > _UNIT_LINES * 2:
        part_stop = _end_of_part(lines, start + _UNIT_LINES)
        parts.append(range(start, part_stop))
        start = part_stop
    parts.append(range(start, stop))
    return parts


def _end_of_part(lines: Sequence[str], number: int) -> int:
    """Return the line after the next blank one if it is near, else ``number``."""
    for candidate in range(number, number + _UNIT_LINES):
        if not lines[candidate].strip():
            return candidate + 1
    return number


def _enclosing_lines(lines: Sequence[str], start: int) -> list[int]:
    """Return the first lines of the classes around a definition, which show that it is a method."""
    column = _first_column(lines, start)
    enclosing: list[int] = []
    for number in reversed(range(start)):
        if column == 0:
            break
        definition = definition_at(lines[number])
        if definition is not None and definition.column < column:
            column = definition.column
            enclosing.append(number)
    return enclosing


def _first_column(lines: Sequence[str], start: int) -> int:
    """Return the indentation of the first non-blank line from ``start`` on."""
    for number in range(start, len(lines)):
        if lines[number].strip():
            return column_of(lines[number])
    return 0


def _join_pieces(lines: Sequence[str], numbers: Iterable[int]) -> str:
    """Join the lines in order, with a mark for omitted ones."""
    pieces: list[str] = []
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
