"""Messages to the model about edits that do not match: why, and the nearest lines of the file.

The messages are our own words: what a file or a reply contains is framed as data in them.

Similarity is used only for these hints, never to apply an edit.
"""

import difflib
from collections import Counter
from collections.abc import Collection, Sequence

from prompts.filters import code, fenced

_MAX_LINES = 30
_MAX_WIDTH = 200
_CONTEXT = 3
"""Lines shown above and below the nearest ones."""
_MAX_COMPARED = 4_000
"""Maximum number of distinct lines of a file that are compared for similarity."""
_MAX_VOTERS = 2_000
_MAX_VOTES = 50
"""Maximum number of places that one searched line votes for."""
_SIMILARITY = 0.6
_MAX_STARTS = 5
_Places = dict[str, list[int]]
"""A line's content without indentation -> its indexes in the file."""


def describe_ambiguity(starts: list[int], *, at_least: bool = False) -> str:
    """Say where the searched lines occur. ``at_least``: there may be more occurrences."""
    lines = [str(start + 1) for start in starts]
    places = ", ".join(lines[:_MAX_STARTS])
    if len(lines) > _MAX_STARTS:
        places += ", ..."
    number = str(len(starts))
    if at_least:
        number += " or more"
    return (
        f"its search text occurs {number} times (lines {places}); give more lines, so that it"
        " occurs only once"
    )


def describe_no_match(lines: Sequence[str], search: Sequence[str]) -> str:
    """Say how the nearest lines of the file differ from the searched ones, and show them."""
    bare = [line.rstrip() for line in lines]
    bare_search = [line.rstrip() for line in search]
    start = _nearest(bare, bare_search)
    if start is None:
        return "its search text is not in the file, nor is anything like it"
    end = start + len(search)
    window = bare[start:end]
    excerpt = _show(bare, start, end)
    contents = [line.strip() for line in window]
    if contents != [line.strip() for line in search]:
        return f"its search text is not in the file exactly as written. {excerpt}"
    if window[1:] == bare_search[1:]:
        difference = "the first line's indentation is not the file's"
    else:
        difference = "the indentation is not the file's"
    return f"its search text is in the file except for the indentation: {difference}. {excerpt}"


def describe_missing_file(path: str, paths: Collection[str]) -> str:
    """Say that a file does not exist; if only one file's path has the same end, suggest it."""
    tail = path.lstrip("/")
    similar = [other for other in paths if other.endswith(f"/{tail}")]
    if not similar and "/" in tail:
        similar = [other for other in paths if tail.endswith(f"/{other}")]
    message = f"there is no file {code(path)}"
    if len(similar) == 1:
        message += f"; did you mean {code(similar[0])}?"
    return message


def _show(lines: Sequence[str], start: int, end: int) -> str:
    """Return the lines around a place unchanged, for the model to copy."""
    first = max(start - _CONTEXT, 0)
    last = min(
        end + _CONTEXT,
        first + _MAX_LINES,
        len(lines),
    )
    clipped = [line[:_MAX_WIDTH] for line in lines[first:last]]
    excerpt = "\n".join(clipped)
    return f"The nearest lines of the file, {first + 1} to {last}, are:\n\n{fenced(excerpt)}"


def _nearest(lines: list[str], search: list[str]) -> int | None:
    """Return the index at which the nearest lines start; None if nothing is similar."""
    search = search[:_MAX_VOTERS]
    places = _places_by_content(lines)
    votes = _vote(places, search)
    if not votes:
        return _most_similar(places, search)
    most = max(votes.values())
    return min(start for start, count in votes.items() if count == most)


def _places_by_content(lines: list[str]) -> _Places:
    """Return the places of each line that is not blank, ignoring indentation."""
    places: _Places = {}
    for at, line in enumerate(lines):
        content = line.strip()
        if content:
            places.setdefault(content, []).append(at)
    return places


def _vote(places: _Places, search: list[str]) -> Counter[int]:
    """Score each possible start by the searched lines that are in the right place for it.

    Rare lines score more.
    """
    votes: Counter[int] = Counter()
    for offset, line in enumerate(search):
        occurrences = places.get(line.strip(), [])
        for at in occurrences[:_MAX_VOTES]:
            start = max(at - offset, 0)
            votes[start] += 1_000 // len(occurrences)
    return votes


def _most_similar(places: _Places, search: list[str]) -> int | None:
    """Return the start that aligns the longest searched line with the line most like it."""
    if not search:
        return None
    contents = [line.strip() for line in search]
    longest = max(contents, key=len)
    compared = [content for content in places if len(content) <= _MAX_WIDTH]
    similar = difflib.get_close_matches(
        word=longest[:_MAX_WIDTH],
        possibilities=compared[:_MAX_COMPARED],
        n=1,
        cutoff=_SIMILARITY,
    )
    if not similar:
        return None
    first_place = places[similar[0]][0]
    return max(first_place - contents.index(longest), 0)
