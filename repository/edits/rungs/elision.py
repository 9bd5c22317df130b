"""The rung for blocks in which a line with only ``...`` stands for lines that do not change."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from repository.edits.file_lines import Match
from repository.edits.model import Lines, SearchReplace, is_blank
from repository.edits.omitted_code import is_elision
from repository.edits.rungs.search import (
    occurrences,
    shortest_indentation,
    strip_ends,
)


@dataclass(frozen=True)
class _Part:
    """Lines of the file that match the search between two elisions, and their replacement."""

    start: int
    end: int
    replacement: Lines


def match_around_elisions(lines: Sequence[str], block: SearchReplace) -> list[Match]:
    """Match the parts between elisions: each occurs once, all in order and in one block of code."""
    bare = strip_ends(lines)
    parts = _locate_parts(bare, _split_block(block))
    if not parts or _leaves_block(bare, parts):
        return []
    replacement: list[str] = []
    for part, following in pairwise(parts):
        replacement += part.replacement
        replacement += lines[part.end : following.start]
    replacement += parts[-1].replacement
    match = Match(
        start=parts[0].start,
        end=parts[-1].end,
        replacement=tuple(replacement),
    )
    return [match]


def _split_block(block: SearchReplace) -> list[SearchReplace]:
    """Return the parts of a block between elisions.

    Return none if it has no elision, or if its halves have different numbers of them.
    """
    searches = _split_at_elisions(block.search)
    replacements = _split_at_elisions(block.replacement)
    if len(searches) < 2 or len(searches) != len(replacements):
        return []
    pairs = zip(searches, replacements, strict=True)
    return [SearchReplace(tuple(search), tuple(replacement)) for search, replacement in pairs]


def _split_at_elisions(lines: Lines) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for line in lines:
        if is_elision(line):
            parts.append([])
        else:
            parts[-1].append(line)
    return parts


def _locate_parts(bare: list[str], blocks: list[SearchReplace]) -> list[_Part]:
    """Return the parts in the order of the file; none unless each has exactly one place.

    Before an elision at the very beginning, and after one at the very end, both halves must be
    blank.
    """
    parts: list[_Part] = []
    last = len(blocks) - 1
    for number, block in enumerate(blocks):
        if is_blank(block.search):
            if 0 < number < last or not is_blank(block.replacement):
                return []
            continue
        starts = occurrences(bare, strip_ends(block.search))
        if len(starts) != 1:
            return []
        start = starts[0]
        if parts and start < parts[-1].end:
            return []
        end = start + len(block.search)
        parts.append(_Part(start, end, block.replacement))
    at_an_edge = len(parts) < len(blocks)
    if at_an_edge and any(is_blank(part.replacement) for part in parts):
        return []
    return parts


def _leaves_block(bare: list[str], parts: list[_Part]) -> bool:
    """Return whether a line between the parts is indented less than every line of the parts."""
    matched: list[str] = []
    for part in parts:
        matched += bare[part.start : part.end]
    start = parts[0].start
    end = parts[-1].end
    between = bare[start:end]
    least = shortest_indentation(matched)
    shallowest = shortest_indentation(between)
    return len(shallowest) < len(least)
