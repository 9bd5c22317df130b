"""The rung that ignores blank lines where the lines around them stay."""

from bisect import bisect_left
from collections.abc import Sequence
from difflib import SequenceMatcher

from repository.edits.file_lines import Match
from repository.edits.model import Lines, SearchReplace
from repository.edits.rungs.search import occurrences

_MAX_COMPARISONS = 1_000_000
"""Pairs of lines; a block with more is not compared line by line."""


def match_ignoring_blank_lines(lines: Sequence[str], block: SearchReplace) -> list[Match]:
    """Match lines that are equal but for blank ones between them. The file keeps its blank lines."""
    filled = _non_blank_indexes(lines)
    search = [line.rstrip() for line in block.search if line.strip()]
    if not search:
        return []
    matches: list[Match] = []
    for at in occurrences([lines[index].rstrip() for index in filled], search):
        matched = filled[at : at + len(search)]
        replacement = _with_own_blank_lines(lines, matched, block)
        if replacement is not None:
            matches.append(Match(matched[0], matched[-1] + 1, replacement))
    return matches


def _with_own_blank_lines(
    lines: Sequence[str], matched: list[int], block: SearchReplace
) -> Lines | None:
    """Return the replacement with the file's lines wherever it repeats the search.

    ``matched`` holds the indexes of the file's lines that match the search's non-blank ones.
    None where a blank line that only one of file and search has lies next to a change: it could
    belong to either side.
    """
    search, replacement = _trim_common_blank_edges(block)
    if len(search) * len(replacement) > _MAX_COMPARISONS:
        return None
    filled = _non_blank_indexes(search)
    comparison = SequenceMatcher(None, search, replacement, autojunk=False)
    result: list[str] = []
    for tag, start, end, new_start, new_end in comparison.get_opcodes():
        left = bisect_left(filled, start)
        right = bisect_left(filled, end)
        if 0 < left < len(filled) and _gap(matched, left) != _gap(filled, left):
            return None
        if tag == "equal" and left < right:
            result += search[start : filled[left]]
            result += lines[matched[left] : matched[right - 1] + 1]
            result += search[filled[right - 1] + 1 : end]
        else:
            result += replacement[new_start:new_end]
    return tuple(result)


def _gap(indexes: list[int], at: int) -> int:
    """Return the distance of one index from the one before it."""
    return indexes[at] - indexes[at - 1]


def _trim_common_blank_edges(block: SearchReplace) -> tuple[list[str], list[str]]:
    """Return search and replacement without the search's blank lines at its edges.

    Where the replacement has a blank line at the same edge, it loses it, too.
    """
    search = [line.rstrip() for line in block.search]
    replacement = list(block.replacement)
    for edge in (0, -1):
        while search and not search[edge]:
            search.pop(edge)
            if replacement and not replacement[edge].strip():
                replacement.pop(edge)
    return search, replacement


def _non_blank_indexes(lines: Sequence[str]) -> list[int]:
    return [index for index, line in enumerate(lines) if line.strip()]
