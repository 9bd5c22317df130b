"""Rungs that compare whole lines."""

from collections.abc import Sequence

from repository.edits.file_lines import Match
from repository.edits.model import SearchReplace
from repository.edits.rungs.search import keep_unchanged, occurrences, strip_ends


def match_exactly(lines: Sequence[str], block: SearchReplace) -> list[Match]:
    """Match lines that are equal."""
    size = len(block.search)
    starts = occurrences(lines, block.search)
    return [Match(start, start + size, block.replacement) for start in starts]


def match_ignoring_line_ends(lines: Sequence[str], block: SearchReplace) -> list[Match]:
    """Match lines that differ only in trailing whitespace.

    Lines that the edit does not change remain as they are in the file.
    """
    size = len(block.search)
    matches: list[Match] = []
    for start in occurrences(strip_ends(lines), strip_ends(block.search)):
        window = lines[start : start + size]
        replacement = keep_unchanged(window, block.search, block.replacement)
        matches.append(Match(start, start + size, replacement))
    return matches
