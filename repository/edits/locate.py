"""Locate an edit's lines in a file by a ladder of rungs (rules), the strictest first.

Several matches by the same rung are an error, never a choice, and similarity alone never counts as
a match.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from repository.edits.feedback import describe_ambiguity, describe_no_match
from repository.edits.file_lines import Match
from repository.edits.model import EditFailed, Replace, SearchReplace
from repository.edits.rungs.blank_lines import match_ignoring_blank_lines
from repository.edits.rungs.elision import match_around_elisions
from repository.edits.rungs.indentation import match_first_line, match_shifted
from repository.edits.rungs.search import MAX_MATCHES
from repository.edits.rungs.whole_lines import match_exactly, match_ignoring_line_ends

Rung = Callable[[Sequence[str], SearchReplace], list[Match]]

RUNGS: dict[str, Rung] = {
    "exact": match_exactly,
    "line ends": match_ignoring_line_ends,
    "first line": match_first_line,
    "indentation": match_shifted,
    "blank lines": match_ignoring_blank_lines,
    "elision": match_around_elisions,
}
"""Rungs by name, the strictest first."""


def locate(lines: Sequence[str], change: Replace) -> Match:
    """Return the only match of a change's variants by the strictest rung that has any match.

    Raises:
        EditFailed: there is no match, or several.
    """
    for name, rung in RUNGS.items():
        for variant in change.variants:
            matches = rung(lines, variant)
            if matches:
                match = _choose(lines, matches, change)
                return replace(match, rung=name)
    raise EditFailed(describe_no_match(lines, change.variants[0].search))


def _choose(lines: Sequence[str], matches: list[Match], change: Replace) -> Match:
    """Return the only match, or the only one that the diff's headings or line number indicate."""
    if len(matches) == 1:
        return matches[0]
    below = _end_of_anchors(lines, change)
    after_anchors = [match for match in matches if below and match.start >= below]
    if len(after_anchors) == 1:
        return after_anchors[0]
    at_line = [match for match in matches if match.start + 1 == change.line]
    if len(at_line) == 1:
        return at_line[0]
    starts = [match.start for match in matches]
    raise EditFailed(describe_ambiguity(starts, at_least=len(matches) >= MAX_MATCHES))


def _end_of_anchors(lines: Sequence[str], change: Replace) -> int:
    """Return the index of the line below the last usable anchor; 0 if there is none.

    An anchor that does not occur exactly once is ignored, as are those after it.
    """
    contents = [line.strip() for line in lines]
    below = 0
    for anchor in change.anchors:
        matches = [content for content in contents if content and content.startswith(anchor)]
        if len(matches) != 1:
            break
        below = contents.index(matches[0]) + 1
    return below
