"""Replace lines located by their text: those of one block, or of the hunks of a diff."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from repository.edits.checks import check_new_lines, parses_as_python
from repository.edits.file_lines import FileLines, Match
from repository.edits.locate import locate
from repository.edits.model import EditFailed, Replace, is_blank
from repository.edits.readers.block_bodies import is_divider


@dataclass(frozen=True)
class PlacedHunk:
    """Where a hunk was applied, and the rung that located its lines."""

    rung: str
    line: int
    """From 1."""


PlacedHunks = tuple[PlacedHunk, ...]


def replace_hunks(path: str, text: str, hunks: Sequence[Replace]) -> tuple[str, PlacedHunks]:
    """Return the text with every hunk applied, and where each was applied.

    Raises:
        EditFailed: a hunk has no match or several, or two hunks overlap.
    """
    file = FileLines.split(text)
    matches: list[Match] = []
    for number, hunk in enumerate(hunks, 1):
        try:
            matches.append(_locate_hunk(file, text, hunk))
        except EditFailed as error:
            message = f"hunk {number}: {error}" if len(hunks) > 1 else str(error)
            raise EditFailed(message) from error
    ordered = sorted(matches, key=lambda match: (match.start, match.end))
    if any(match.end > following.start for match, following in pairwise(ordered)):
        raise EditFailed("two of its hunks refer to the same lines")
    new = file.replace_lines(_choose_alternatives(path, file, ordered))
    placed = tuple(PlacedHunk(match.rung, match.start + 1) for match in matches)
    return new, placed


def _locate_hunk(file: FileLines, text: str, hunk: Replace) -> Match:
    if all(is_blank(variant.search) for variant in hunk.variants):
        raise EditFailed("it contains no line of the file by which to locate it")
    match = locate(file.lines, hunk)
    check_new_lines(match.replacement, text)
    _check_dividers(hunk, match)
    return match


def _check_dividers(hunk: Replace, match: Match) -> None:
    """Refuse a replacement that contains a divider of its block.

    A line of equals signs is content if it underlines a heading, or if the search has one, too.
    """
    if len(hunk.variants) == 1:
        return
    for variant in hunk.variants:
        if variant.replacement == match.replacement:
            if any(is_divider(line) for line in variant.search):
                return
            break
    above = ""
    for line in match.replacement:
        if is_divider(line) and not 0 < len(above) <= len(line.rstrip()):
            raise EditFailed(
                "it has more than one ======= line, so it is not clear which one separates SEARCH"
                " from REPLACE"
            )
        above = line.rstrip()


def _choose_alternatives(path: str, file: FileLines, matches: Sequence[Match]) -> list[Match]:
    """Return the matches, each with the only alternative with which the file still parses.

    Raises:
        EditFailed: for one match, the file parses with none of the alternatives, or with several.
    """
    chosen = list(matches)
    for number, match in enumerate(matches):
        if not match.alternatives:
            continue
        parsing: list[Match] = []
        for replacement in dict.fromkeys((match.replacement, *match.alternatives)):
            candidate = replace(match, replacement=replacement, alternatives=())
            chosen[number] = candidate
            if parses_as_python(path, file.replace_lines(chosen)):
                parsing.append(candidate)
        if len(parsing) != 1:
            raise EditFailed(
                "its indentation is not the file's, and the intended indentation of its"
                " replacement is not clear. Write both halves with the file's indentation"
            )
        chosen[number] = parsing[0]
    return chosen
