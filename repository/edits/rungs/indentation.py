"""Rungs for blocks to which the model added indentation, or from which it dropped some."""

from collections.abc import Sequence
from dataclasses import dataclass

from repository.edits.file_lines import Match
from repository.edits.model import Lines, SearchReplace, is_blank
from repository.edits.rungs.search import (
    candidates,
    first_non_blank,
    indentation,
    keep_unchanged,
    non_blank,
    shortest_indentation,
    strip_ends,
)


def match_first_line(lines: Sequence[str], block: SearchReplace) -> list[Match]:
    """Match blocks in which only the first line lost indentation, or part of it, in both halves."""
    if not _has_first_line(block):
        return []
    bare = strip_ends(lines)
    matches: list[Match] = []
    for second in candidates(bare, strip_ends(block.search[1:])):
        match = _restore_first_line(lines, bare, second - 1, block)
        if match is not None:
            matches.append(match)
    return matches


def _has_first_line(block: SearchReplace) -> bool:
    """Return whether a block begins with a line to restore, and has other lines to locate it by."""
    if is_blank(block.search[:1]) or is_blank(block.search[1:]):
        return False
    return not is_blank(block.replacement)


def _restore_first_line(
    lines: Sequence[str], bare: list[str], start: int, block: SearchReplace
) -> Match | None:
    """Return the match at ``start`` with the first line's indentation restored in both halves.

    Return None if there is no such match.
    """
    lost = _lost_indentation(bare, start, block)
    if lost is None:
        return None
    end = start + len(block.search)
    search = _indent_line(block.search, 0, lost)
    first = first_non_blank(block.replacement)
    replacement = _indent_line(block.replacement, first, lost)
    unchanged = keep_unchanged(lines[start:end], search, replacement)
    return Match(start, end, unchanged)


def _lost_indentation(bare: list[str], start: int, block: SearchReplace) -> str | None:
    """Return the indentation that the first line of both halves lacks, if the file has it at
    ``start``.

    Return None if the first line does not match, or if the halves lost different indentation.
    """
    if start < 0 or bare[start].lstrip() != block.search[0].strip():
        return None
    in_file = indentation(bare[start])
    in_search = indentation(block.search[0])
    first = first_non_blank(block.replacement)
    in_replacement = indentation(block.replacement[first])
    if not in_file.endswith(in_search) or in_replacement != in_search:
        return None
    end = start + len(block.search)
    least = shortest_indentation(bare[start:end])
    for line in non_blank(block.replacement[first + 1 :]):
        if len(indentation(line)) < len(least):
            return None  # Other lines lost their indentation, too; which ones is unknown.
    return in_file.removesuffix(in_search)


def match_shifted(lines: Sequence[str], block: SearchReplace) -> list[Match]:
    """Match blocks whose lines all lack, or all have in excess, the same indentation.

    The replacement is shifted in the same way as the search.
    """
    bare = strip_ends(lines)
    search = strip_ends(block.search)
    contents = [line.lstrip() for line in bare]
    searched_contents = [line.lstrip() for line in search]
    matches: list[Match] = []
    for start in candidates(contents, searched_contents):
        end = start + len(search)
        window = bare[start:end]
        shift = _find_shift(window, search)
        if shift is None:
            continue
        replacement = shift.apply(block.replacement)
        if replacement is None:
            continue
        alternatives = _alternatives(window, shift, block)
        matches.append(Match(start, end, replacement, alternatives))
    return matches


@dataclass(frozen=True)
class _Shift:
    """The indentation that every line of a block lacks or has in excess; one of them is empty."""

    missing: str
    excess: str

    def apply(self, lines: Lines) -> Lines | None:
        """Return the shifted lines; None if one does not have the excess indentation."""
        shifted: list[str] = []
        for line in lines:
            if not line.strip():
                shifted.append(line)
            elif line.startswith(self.excess):
                shifted.append(self.missing + line.removeprefix(self.excess))
            else:
                return None
        return tuple(shifted)


def _find_shift(window: list[str], search: list[str]) -> _Shift | None:
    """Return the shift between the file's lines and the searched ones; None if it varies."""
    pairs: list[tuple[str, str]] = []
    for line, searched in zip(window, search, strict=True):
        if bool(line) != bool(searched):
            return None
        if line:
            pairs.append((line, searched))
    if not pairs:
        return None
    longer, shorter = sorted(pairs[0], key=len, reverse=True)
    indent = longer[: len(longer) - len(shorter)]
    if not indent or indent.strip():
        return None
    if all(line == indent + searched for line, searched in pairs):
        return _Shift(missing=indent, excess="")
    if all(searched == indent + line for line, searched in pairs):
        return _Shift(missing="", excess=indent)
    return None


def _alternatives(window: list[str], shift: _Shift, block: SearchReplace) -> tuple[Lines, ...]:
    """Return other possible replacements for a block whose search lacks indentation."""
    replacement = block.replacement
    new_lines = non_blank(replacement)
    if not shift.missing or not new_lines:
        return ()
    alternatives: list[Lines] = []
    least = shortest_indentation(window)
    if all(line.startswith(least) for line in new_lines):
        alternatives.append(replacement)  # It may already have the right indentation.
    # One searched line can't tell "all lost their indentation" from "only the first did".
    is_single = len(non_blank(block.search)) == 1
    others = new_lines[1:]
    if is_single and others and all(line.startswith(shift.missing) for line in others):
        first = first_non_blank(replacement)
        alternatives.append(_indent_line(replacement, first, shift.missing))
    return tuple(alternatives)


def _indent_line(lines: Lines, at: int, indent: str) -> Lines:
    """Return the lines with one of them indented further."""
    below = at + 1
    return (
        *lines[:at],
        indent + lines[at],
        *lines[below:],
    )
