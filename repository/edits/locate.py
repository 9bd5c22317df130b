"""Where lines stand in a file: a ladder of pure functions, strictest first. Several places are a
failure, not a choice, and nothing is placed for being similar."""

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from repository.edits.feedback import ambiguous, no_match
from repository.edits.model import EditFailed, Replace

Lines = Sequence[str]


@dataclass(frozen=True)
class Place:
    """Lines ``start`` to ``end`` (from 0, end excluded) become ``new``. Where one text can mean several replacements,
    ``otherwise`` holds the others, and the caller has to have a reason to choose."""

    start: int
    end: int
    new: tuple[str, ...]
    otherwise: tuple[tuple[str, ...], ...] = ()
    rung: str = ""


Rung = Callable[[Lines, Lines, Lines], list[Place]]

_MANY = 6
"""So many places are as good as any number."""
_TRIES = 200
_LOOKS = 1_000_000
"""Places that a rung looks at closely, and lines over all of them; a text that repeats itself more tells nothing."""
_COMPARED = 1_000_000
"""Pairs of lines: a block with more is not compared line by line."""
_ELISION = re.compile(r"^(?:(?:#|//|--|;)\s*)?(?:\.\.\.|…)$")


def occurrences(lines: Lines, wanted: Lines, limit: int = _MANY) -> list[int]:
    """Where ``wanted`` begins in ``lines``; linear in both, since ``str.find`` is."""
    hay = "\n" + "\n".join(lines) + "\n"
    needle = "\n" + "\n".join(wanted) + "\n"
    found: list[int] = []
    at = hay.find(needle)
    counted = 0
    line = 0
    while at >= 0 and len(found) < limit:
        line = line + hay.count("\n", counted, at)
        counted = at
        found.append(line)
        at = hay.find(needle, at + 1)
    return found


def _candidates(lines: Lines, wanted: Lines) -> list[int]:
    """Raises EditFailed where there are too many to look at each."""
    limit = max(min(_TRIES, _LOOKS // max(len(wanted), 1)), 2)
    found = occurrences(lines, wanted, limit)
    if len(found) == limit:
        raise EditFailed(ambiguous(found, enough=False))
    return found


def _exact(lines: Lines, search: Lines, replace: Lines) -> list[Place]:
    return [Place(at, at + len(search), tuple(replace)) for at in occurrences(lines, search)]


def _line_ends(lines: Lines, search: Lines, replace: Lines) -> list[Place]:
    """Whitespace at the ends of lines is ignored. Lines that the edit keeps stay as the file has
    them.
    """
    bare = [line.rstrip() for line in lines]
    wanted = [line.rstrip() for line in search]
    return [
        Place(at, at + len(search), _kept(lines[at : at + len(search)], search, replace))
        for at in occurrences(bare, wanted)
    ]


def _first_line(lines: Lines, search: Lines, replace: Lines) -> list[Place]:
    """The first line alone lost its indentation, or a part of it, in both halves; all others match
    as they are.
    """
    if len(search) < 2 or len(_filled(search)) < 2 or not search[0].strip() or not _filled(replace):
        return []
    bare = [line.rstrip() for line in lines]
    rest = [line.rstrip() for line in search[1:]]
    places = []
    for after in _candidates(bare, rest):
        at = after - 1
        if at < 0 or bare[at].lstrip() != search[0].strip():
            continue
        indent = _indent(bare[at])
        had = _indent(search[0])
        first = next(n for n, line in enumerate(replace) if line.strip())
        if not indent.endswith(had) or _indent(replace[first]) != had:
            continue
        least = len(_least(bare[at : at + len(search)]))
        if any(len(_indent(line)) < least for line in _filled(replace[first + 1 :])):
            continue  # it lost the indentation of others too: which, nobody knows
        lost = indent.removesuffix(had) if had else indent
        new = [*replace[:first], lost + replace[first], *replace[first + 1 :]]
        search_whole = [lost + search[0], *search[1:]]
        places.append(
            Place(at, at + len(search), _kept(lines[at : at + len(search)], search_whole, new))
        )
    return places


def _indentation(lines: Lines, search: Lines, replace: Lines) -> list[Place]:
    """All lines lack, or have too much of, one and the same indentation; the replacement is moved
    as the search is.
    """
    bare = [line.rstrip() for line in lines]
    wanted = [line.rstrip() for line in search]
    places = []
    for at in _candidates([line.lstrip() for line in bare], [line.lstrip() for line in wanted]):
        window = bare[at : at + len(wanted)]
        shift = _shift(window, wanted)
        if shift is None:
            continue
        lacking, extra = shift
        filled = _filled(replace)
        if not all(line.startswith(extra) for line in filled):
            continue
        moved = tuple(
            lacking + line.removeprefix(extra) if line.strip() else line for line in replace
        )
        others = []
        if lacking and filled:
            if all(line.startswith(_least(window)) for line in filled):
                others.append(tuple(replace))  # it may have its right indentation already
            if len(_filled(search)) == 1 and len(filled) > 1:
                # One searched line can't tell "all lost their indentation" from "only the first
                # did".
                first = next(n for n, line in enumerate(replace) if line.strip())
                if all(line.startswith(lacking) for line in filled[1:]):
                    others.append(
                        (*replace[:first], lacking + replace[first], *replace[first + 1 :])
                    )
        places.append(Place(at, at + len(search), moved, tuple(others)))
    return places


def _blank_lines(lines: Lines, search: Lines, replace: Lines) -> list[Place]:
    """Blank lines are ignored, where the lines around them stay: the file's own are kept."""
    filled = [at for at, line in enumerate(lines) if line.strip()]
    wanted = [line.rstrip() for line in search if line.strip()]
    if not wanted:
        return []
    places = []
    for at in occurrences([lines[n].rstrip() for n in filled], wanted):
        own = filled[at : at + len(wanted)]
        new = _around_blanks(lines, own, search, replace)
        if new is not None:
            places.append(Place(own[0], own[-1] + 1, new))
    return places


def _elided(lines: Lines, search: Lines, replace: Lines) -> list[Place]:
    """``...`` alone on a line stands for lines that are kept: each part occurs once, all are in order, and what is
    between them is not of a shallower block."""
    parts = _split(search)
    instead = _split(replace)
    if len(parts) != len(instead) or len(parts) < 2:
        return []
    bare = [line.rstrip() for line in lines]
    spots: list[tuple[int, int]] = []
    for number, part in enumerate(parts):
        if not any(line.strip() for line in part):
            if 0 < number < len(parts) - 1 or any(line.strip() for line in instead[number]):
                return []
            continue
        found = occurrences(bare, [line.rstrip() for line in part])
        if len(found) != 1 or (spots and found[0] < spots[-1][1]):
            return []
        spots.append((found[0], found[0] + len(part)))
    if not spots:
        return []
    least = len(_least([bare[at] for start, end in spots for at in range(start, end)]))
    if any(len(_indent(line)) < least for line in bare[spots[0][0] : spots[-1][1]] if line):
        return []
    kept = (
        [part for part in instead if any(line.strip() for line in part)]
        if len(spots) < len(parts)
        else instead
    )
    if len(kept) != len(spots):
        return []
    new: list[str] = []
    for number, (_, end) in enumerate(spots):
        new += kept[number]
        new += lines[end : spots[number + 1][0]] if number + 1 < len(spots) else []
    return [Place(spots[0][0], spots[-1][1], tuple(new))]


#: name -> rung, strictest first.
RUNGS: dict[str, Rung] = {
    "exact": _exact,
    "line ends": _line_ends,
    "first line": _first_line,
    "indentation": _indentation,
    "blank lines": _blank_lines,
    "elision": _elided,
}


def place(lines: Lines, change: Replace, without: Collection[str] = ()) -> Place:
    """The one place where one of the change's readings fits, by the strictest rung that knows any.

    Raises:
        EditFailed: it fits nowhere, or at several places.
    """
    for name, rung in RUNGS.items():
        if name in without:
            continue
        for search, replace in change.readings:
            found = rung(lines, search, replace)
            if len(found) > 1:
                found = _chosen(lines, found, change)
            if found:
                return Place(found[0].start, found[0].end, found[0].new, found[0].otherwise, name)
    raise EditFailed(no_match(lines, change.readings[0][0]))


def _chosen(lines: Lines, found: list[Place], change: Replace) -> list[Place]:
    """Of several places the one that the diff's own heading or line number names; else the failure."""
    below = 0
    for anchor in change.anchors:
        at = [n for n, line in enumerate(lines) if line.strip() and line.strip().startswith(anchor)]
        if len(at) != 1:
            break
        below = at[0] + 1
    after = [spot for spot in found if spot.start >= below] if below else []
    stated = [spot for spot in found if spot.start + 1 == change.start]
    for fewer in (after, stated):
        if len(fewer) == 1:
            return fewer
    raise EditFailed(ambiguous([spot.start for spot in found], enough=len(found) < _MANY))


def _kept(window: Lines, search: Lines, replace: Lines) -> tuple[str, ...]:
    """``replace``, where the lines it begins and ends with as ``search`` does are the file's own."""
    head = _common(search, replace)
    tail = _common(search[head:][::-1], replace[head:][::-1])
    last = len(window) - tail
    return (*window[:head], *replace[head : len(replace) - tail], *window[last:])


def _common(one: Lines, other: Lines) -> int:
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


def _filled(lines: Lines) -> list[str]:
    return [line for line in lines if line.strip()]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _least(lines: Lines) -> str:
    return min((_indent(line) for line in lines if line), key=len, default="")


def _shift(window: Lines, wanted: Lines) -> tuple[str, str] | None:
    """The one indentation that ``wanted`` lacks (first), or has too much (second), on every line
    that is not blank.
    """
    pairs = [(have, want) for have, want in zip(window, wanted, strict=True) if have or want]
    if not pairs or not all(have and want for have, want in pairs):
        return None
    have, want = pairs[0]
    longer, shorter = (have, want) if len(have) > len(want) else (want, have)
    indent = longer[: len(longer) - len(shorter)]
    if not indent or indent.strip():
        return None
    if all(have == indent + want for have, want in pairs):
        return indent, ""
    if all(want == indent + have for have, want in pairs):
        return "", indent
    return None


def _around_blanks(
    lines: Lines, own: list[int], search: Lines, replace: Lines
) -> tuple[str, ...] | None:
    """``replace`` with the file's lines (``own``: numbers of those that are not blank) wherever it repeats the search.
    None where a blank line that only one of file and search has stands at the border of a change: it could belong to
    either side."""
    asked, given = _without_edges(search, replace)
    filled = [at for at, line in enumerate(asked) if line.strip()]
    if len(asked) * len(given) > _COMPARED:
        return None
    new: list[str] = []
    for tag, start, end, first, last in SequenceMatcher(
        None, asked, given, autojunk=False
    ).get_opcodes():
        left = bisect_left(filled, start)
        right = bisect_left(filled, end)
        if (
            0 < left < len(filled)
            and own[left] - own[left - 1] != filled[left] - filled[left - 1]
            and start
        ):
            return None
        if tag == "equal" and left < right:
            new += asked[start : filled[left]]
            new += lines[own[left] : own[right - 1] + 1]
            new += asked[filled[right - 1] + 1 : end]
        else:
            new += given[first:last]
    return tuple(new)


def _without_edges(search: Lines, replace: Lines) -> tuple[list[str], list[str]]:
    """Blank lines that both halves begin or end with go from both; those of the search go in any
    case.
    """
    asked = [line.rstrip() for line in search]
    given = list(replace)
    for end in (0, -1):
        while asked and not asked[end]:
            asked.pop(end)
            if given and not given[end].strip():
                given.pop(end)
    return asked, given


def _split(lines: Lines) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for line in lines:
        if _ELISION.match(line.strip()):
            parts.append([])
        else:
            parts[-1].append(line)
    return parts


def splice(lines: list[str], ends: list[str], places: Sequence[Place]) -> Iterator[tuple[str, str]]:
    """The file's (line, end) pairs with the places replaced; lines that stay keep the end that they
    have.
    """
    known = [end for end in ends if end]
    newline = "\r\n" if 2 * known.count("\r\n") > len(known) else "\n"
    result: list[tuple[str, str]] = []
    at = 0
    for spot in sorted(places, key=lambda spot: spot.start):
        window = lines[spot.start : spot.end]
        head = _common(window, spot.new)
        tail = _common(window[head:][::-1], spot.new[head:][::-1])
        result += zip(lines[at : spot.start + head], ends[at : spot.start + head], strict=True)
        result += [(line, newline) for line in spot.new[head : len(spot.new) - tail]]
        at = spot.end - tail
    result += zip(lines[at:], ends[at:], strict=True)
    unended = bool(ends) and ends[-1] == ""
    for number, (line, end) in enumerate(result):
        yield line, "" if unended and number == len(result) - 1 else end or newline
