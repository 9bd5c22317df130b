"""Search for lines among lines, and small helpers for lines, shared by the rungs."""

from collections.abc import Sequence

from repository.common_edges import common_edges
from repository.edits.feedback import describe_ambiguity
from repository.edits.model import EditFailed, Lines

MAX_MATCHES = 6
"""Maximum number of occurrences to count; more would not change the result."""
_MAX_CANDIDATES = 200
_MAX_CANDIDATE_LINES = 1_000_000
"""Limits on the candidates that a rung examines, and on their total number of lines. A text that
repeats itself more often can't be located by its lines."""


def occurrences(lines: Sequence[str], search: Sequence[str], limit: int = MAX_MATCHES) -> list[int]:
    """Return the indexes at which ``search`` begins in ``lines``, at most ``limit`` of them.

    Linear in both, since ``str.find`` is.
    """
    haystack = _join(lines)
    needle = _join(search)
    starts: list[int] = []
    line = 0
    counted = 0
    at = haystack.find(needle)
    while at >= 0 and len(starts) < limit:
        line += haystack.count("\n", counted, at)
        counted = at
        starts.append(line)
        at = haystack.find(needle, at + 1)
    return starts


def candidates(lines: Sequence[str], search: Sequence[str]) -> list[int]:
    """Return the indexes at which ``search`` begins, for a rung that examines each of them.

    Raises:
        EditFailed: there are too many places to examine.
    """
    affordable = _MAX_CANDIDATE_LINES // max(len(search), 1)
    limit = max(min(_MAX_CANDIDATES, affordable), 2)
    starts = occurrences(lines, search, limit)
    if len(starts) == limit:
        raise EditFailed(describe_ambiguity(starts, at_least=True))
    return starts


def keep_unchanged(window: Sequence[str], search: Lines, replacement: Lines) -> Lines:
    """Return ``replacement`` with the file's own lines where it begins and ends like ``search``."""
    head, tail = common_edges(search, replacement)
    change_end = len(replacement) - tail
    window_end = len(window) - tail
    return (
        *window[:head],
        *replacement[head:change_end],
        *window[window_end:],
    )


def strip_ends(lines: Sequence[str]) -> list[str]:
    """Return the lines without whitespace at their ends."""
    return [line.rstrip() for line in lines]


def non_blank(lines: Sequence[str]) -> list[str]:
    """Return the lines that are not blank."""
    return [line for line in lines if line.strip()]


def first_non_blank(lines: Sequence[str]) -> int:
    """Return the index of the first line that is not blank; there must be one."""
    for at, line in enumerate(lines):
        if line.strip():
            return at
    raise ValueError("all lines are blank")


def indentation(line: str) -> str:
    """Return the whitespace at the beginning of a line."""
    content = line.lstrip()
    return line[: len(line) - len(content)]


def shortest_indentation(lines: Sequence[str]) -> str:
    """Return the shortest indentation of the lines that are not empty."""
    indentations = [indentation(line) for line in lines if line]
    return min(indentations, key=len, default="")


def _join(lines: Sequence[str]) -> str:
    """Join lines so that each, including the first and the last, is between two line feeds."""
    text = "\n".join(lines)
    return f"\n{text}\n"
