"""The rung that ignores blank lines between lines that do not change."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from repository.edits.file_lines import Match
from repository.edits.model import Lines, SearchReplace
from repository.edits.rungs.search import non_blank, occurrences, strip_ends

_MAX_COMPARISONS = 1_000_000
"""Pairs of lines; a block with more is not compared line by line."""


def match_ignoring_blank_lines(lines: Sequence[str], block: SearchReplace) -> list[Match]:
    """Match lines that are equal except for blank lines between them.

    The file keeps its own blank lines.
    """
    search = strip_ends(non_blank(block.search))
    if not search:
        return []
    indexes = _non_blank_indexes(lines)
    bare = strip_ends(non_blank(lines))
    matches: list[Match] = []
    for at in occurrences(bare, search):
        end = at + len(search)
        matched = indexes[at:end]
        replacement = _with_own_blank_lines(lines, matched, block)
        if replacement is not None:
            match = Match(
                start=matched[0],
                end=matched[-1] + 1,
                replacement=replacement,
            )
            matches.append(match)
    return matches


def _with_own_blank_lines(
    lines: Sequence[str], matched: list[int], block: SearchReplace
) -> Lines | None:
    """Return the replacement with the file's lines wherever it repeats the search.

    ``matched`` contains the indexes of the file's lines that match the search's non-blank ones.
    Return None if a blank line that only the file or only the search has is next to a change: it
    could belong to either side.
    """
    search, replacement = _trim_common_blank_edges(block)
    if len(search) * len(replacement) > _MAX_COMPARISONS:
        return None
    alignment = _Alignment(
        lines=lines,
        search=search,
        in_file=matched,
        in_search=_non_blank_indexes(search),
    )
    comparison = SequenceMatcher(None, search, replacement, autojunk=False)
    result: list[str] = []
    for tag, start, end, new_start, new_end in comparison.get_opcodes():
        if not alignment.has_same_gap(start):
            return None
        if tag == "equal":
            result += alignment.file_lines(start, end)
        else:
            result += replacement[new_start:new_end]
    return tuple(result)


@dataclass(frozen=True)
class _Alignment:
    """The search's lines that are not blank, and the lines of the file that match them."""

    lines: Sequence[str]
    """Of the file."""
    search: list[str]
    in_file: list[int]
    """Index in the file of each line that is not blank."""
    in_search: list[int]
    """Its index in the search."""

    def has_same_gap(self, at: int) -> bool:
        """Return whether search and file have equally many blank lines before the first non-blank
        line at or after index ``at`` of the search.
        """
        number = bisect_left(self.in_search, at)
        if not 0 < number < len(self.in_search):
            return True
        return _gap(self.in_file, number) == _gap(self.in_search, number)

    def file_lines(self, start: int, end: int) -> list[str]:
        """Return lines of the search, with the file's own lines from the first non-blank one to the
        last.
        """
        first = bisect_left(self.in_search, start)
        last = bisect_left(self.in_search, end) - 1
        if last < first:
            return self.search[start:end]
        above = self.search[start : self.in_search[first]]
        file_end = self.in_file[last] + 1
        search_end = self.in_search[last] + 1
        return [
            *above,
            *self.lines[self.in_file[first] : file_end],
            *self.search[search_end:end],
        ]


def _gap(indexes: list[int], at: int) -> int:
    """Return the difference between the index at ``at`` and the one before it."""
    return indexes[at] - indexes[at - 1]


def _trim_common_blank_edges(block: SearchReplace) -> tuple[list[str], list[str]]:
    """Return search and replacement without the blank lines at the edges of the search.

    A blank line at the same edge of the replacement is removed, too.
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
    indexes: list[int] = []
    for index, line in enumerate(lines):
        if line.strip():
            indexes.append(index)
    return indexes
