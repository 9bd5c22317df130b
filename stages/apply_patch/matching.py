"""Apply edits to texts: pure functions, strictest first, all or nothing. What is not certain is refused."""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence

from stages.apply_patch.edits import Edit, EditFailed, is_divider
from stages.apply_patch.paths import check_path, missing
from stages.build_context.excerpts import OMITTED

_SHOWN_LINES = 30
_SHOWN_WIDTH = 200
_COMPARED_LINES = 4_000
"""Fuzzy comparison is for messages only; beyond this many lines of a file it is not tried."""


def apply_edits(
    files: Callable[[str], str | None], edits: Sequence[Edit], paths: Collection[str] = ()
) -> dict[str, str]:
    """The new text of each file that changes, path by path. Later edits see what earlier ones wrote.

    ``files`` gives a file's text, None where there is no such file; it may raise EditFailed for one that can't be
    edited. ``paths`` are those of the repository, for hints alone. Line ends, byte-order mark and the end of the last
    line stay as they are. A block whose two halves are the same has to fit too, and changes nothing.

    Raises:
        EditFailed: one edit does not apply; none is.
    """
    before: dict[str, str | None] = {}
    after: dict[str, str] = {}
    for edit in edits:
        try:
            check_path(edit.path)
            if edit.path not in before:
                before[edit.path] = files(edit.path)
            current = after.get(edit.path, before[edit.path])
            after[edit.path] = _apply(current, edit, paths)
        except EditFailed as error:
            raise EditFailed(f"Block {edit.number} ({edit.path[:200]}) can't be applied: {error}") from error
    changed = {path: text for path, text in after.items() if text != before[path]}
    if not changed:
        raise EditFailed("The blocks change nothing: what they write is what is there")
    return changed


def _apply(text: str | None, edit: Edit, paths: Collection[str]) -> str:
    failures: list[EditFailed] = []
    for search, replace in edit.readings:
        try:
            return _apply_reading(text, edit, search, replace, paths)
        except EditFailed as error:
            failures.append(error)
    raise failures[-1]


def _apply_reading(text: str | None, edit: Edit, search: list[str], replace: list[str], paths: Collection[str]) -> str:
    _check_replacement(search, replace, text)
    if not any(line.strip() for line in search):
        if text:
            raise EditFailed("its SEARCH is empty, which makes a new file, but the file exists and is not empty")
        return "\n".join(replace) + "\n" if any(line.strip() for line in replace) else ""
    if text is None:
        raise EditFailed(missing(edit.path, paths))
    mark, lines, ends = _taken_apart(text)
    at, replace = _place(lines, search, replace)
    changed_lines, changed_ends = _spliced(lines, ends, at, search, replace)
    return mark + "".join(line + end for line, end in zip(changed_lines, changed_ends, strict=True))


def _check_replacement(search: list[str], replace: list[str], text: str | None) -> None:
    for number, line in enumerate(replace):
        if "\0" in line or any("\ud800" <= character <= "\udfff" for character in line):
            raise EditFailed("its REPLACE holds characters that no text file holds")
        if OMITTED.fullmatch(line.strip()) and line.strip() not in (text or ""):
            raise EditFailed("its REPLACE copies a mark for lines that were not shown; the mark is not in the file")
        heading = number > 0 and 0 < len(replace[number - 1].rstrip()) <= len(line.rstrip())
        if is_divider(line) and not heading and not any(is_divider(other) for other in search):
            raise EditFailed("it has more than one ======= line, and which one parts SEARCH from REPLACE is not clear")


def _taken_apart(text: str) -> tuple[str, list[str], list[str]]:
    """Byte-order mark, lines, and each line's end; a lone CR is content."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    pieces = re.findall(r"([^\n]*?)(\r?\n|\Z)", text[len(mark) :])
    if pieces and pieces[-1] == ("", ""):
        pieces.pop()
    return mark, [line for line, _ in pieces], [end for _, end in pieces]


def _spliced(
    lines: list[str], ends: list[str], at: int, search: list[str], replace: list[str]
) -> tuple[list[str], list[str]]:
    """``search`` at line ``at`` replaced. Lines that the block leaves alone keep the file's own bytes."""
    head = 0
    while head < min(len(search), len(replace)) and search[head] == replace[head]:
        head += 1
    tail = 0
    while tail < min(len(search), len(replace)) - head and search[-1 - tail] == replace[-1 - tail]:
        tail += 1
    first, last = at + head, at + len(search) - tail
    new = replace[head : len(replace) - tail]
    newline = "\r\n" if 2 * ends.count("\r\n") > len([end for end in ends if end]) else "\n"
    changed = lines[:first] + new + lines[last:]
    changed_ends = ends[:first] + [newline] * len(new) + ends[last:]
    unended = bool(ends) and ends[-1] == ""
    changed_ends = [end or newline for end in changed_ends]
    if unended and changed_ends:
        changed_ends[-1] = ""
    return changed, changed_ends


def _place(lines: list[str], search: list[str], replace: list[str]) -> tuple[int, list[str]]:
    """Where ``search`` stands, and the replacement with the indentation that it has to have there."""
    bare, wanted = [line.rstrip() for line in lines], [line.rstrip() for line in search]
    places = [at for at in range(len(bare) - len(wanted) + 1) if bare[at : at + len(wanted)] == wanted]
    if len(places) == 1:
        return places[0], replace
    if len(places) > 1:
        raise EditFailed(_ambiguous(places))
    shifted = [
        (at, shift)
        for at in range(len(bare) - len(wanted) + 1)
        if (shift := _shift(bare[at : at + len(wanted)], wanted)) is not None
    ]
    if len(shifted) > 1:
        raise EditFailed(_ambiguous([at for at, _ in shifted]))
    if not shifted:
        raise EditFailed(_no_match(bare, wanted))
    at, (missing_indent, extra_indent) = shifted[0]
    filled = [line for line in replace if line.strip()]
    if missing_indent and sum(1 for line in wanted if line) == 1 and len(filled) > 1:
        # One searched line can't tell "all lost their indentation" from "only the first did".
        raise EditFailed("its SEARCH has another indentation than the file. " + _shown(bare, at, at + len(wanted)))
    if not all(line.startswith(extra_indent) for line in filled):
        raise EditFailed("its REPLACE is indented otherwise than its SEARCH. " + _shown(bare, at, at + len(wanted)))
    return at, [missing_indent + line.removeprefix(extra_indent) if line.strip() else line for line in replace]


def _shift(window: list[str], wanted: list[str]) -> tuple[str, str] | None:
    """The one indentation that ``wanted`` lacks (first), or has too much (second), on every line that is not blank."""
    pairs = [(have, want) for have, want in zip(window, wanted, strict=True) if have or want]
    if not all(have and want for have, want in pairs):
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


def _ambiguous(places: list[int]) -> str:
    where = ", ".join(str(at + 1) for at in places[:5]) + (", ..." if len(places) > 5 else "")
    return f"its SEARCH occurs {len(places)} times (lines {where}); give more lines, so that it occurs once"


def _no_match(lines: list[str], wanted: list[str]) -> str:
    at = _nearest(lines, wanted)
    if at is None:
        return "its SEARCH is not in the file, and nothing like it"
    window = lines[at : at + len(wanted)]
    if [line.strip() for line in window] == [line.strip() for line in wanted]:
        first = window[1:] == wanted[1:]
        why = "the first line's indentation is not the file's" if first else "the indentation is not the file's"
        return f"its SEARCH is in the file but for the indentation: {why}. {_shown(lines, at, at + len(wanted))}"
    return "its SEARCH is not in the file as it is written. " + _shown(lines, at, at + len(wanted))


def _nearest(lines: list[str], wanted: list[str]) -> int | None:
    """Where most of the searched lines stand in step, rare ones counting more; else where the longest has its like."""
    stripped = [line.strip() for line in lines]
    known: dict[str, list[int]] = {}
    for at, line in enumerate(stripped):
        if line:
            known.setdefault(line, []).append(at)
    votes: Counter[int] = Counter()
    for offset, want in enumerate(wanted):
        places = known.get(want.strip(), [])
        for at in places[:50]:
            votes[max(at - offset, 0)] += 1_000 // len(places)
    if votes:
        return max(votes, key=lambda at: (votes[at], -at))
    longest = max(range(len(wanted)), key=lambda n: len(wanted[n].strip()))
    compared = [line for line in known if len(line) <= _SHOWN_WIDTH][:_COMPARED_LINES]
    alike = difflib.get_close_matches(wanted[longest].strip()[:_SHOWN_WIDTH], compared, 1, 0.6)
    return max(known[alike[0]][0] - longest, 0) if alike else None


def _shown(lines: list[str], start: int, end: int) -> str:
    """The file's lines around a place, as they are, for the model to copy."""
    start, end = max(start - 3, 0), min(end + 3, len(lines))
    end = min(end, start + _SHOWN_LINES)
    body = "\n".join(line[:_SHOWN_WIDTH] for line in lines[start:end])
    return f"The nearest lines of the file, {start + 1} to {end}, are:\n{body}"
