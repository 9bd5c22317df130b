"""Apply a proposal's edits to files: all of them, or none."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from repository.context.excerpts import OMITTED
from repository.edits.checks import parses
from repository.edits.locate import Place, place, splice
from repository.edits.model import (
    MAX_EDITS,
    Delete,
    Edit,
    EditFailed,
    Hunks,
    Replace,
    Span,
    Substring,
    Whole,
)
from repository.edits.paths import missing, path_refusal
from repository.edits.readers.blocks import is_divider

_PLACEHOLDER = re.compile(
    r"^(?:#|//|--|/\*|<!--|;)\s*(?:\.\.\.|…)\s*(?:(?:the"
    r" )?(?:rest|existing|other|remaining|previous|same|unchanged"
    r"|more|code|your|omitted|as before)\b.*)?(?:\*/|-->)?$",
    re.I,
)
"""A comment that stands for code: written to the file, it would delete what it stands for."""
_LONGEST = 2_000_000
"""Characters that replacing everywhere may write."""
_SEARCHED = 8_000_000
"""Characters of files that a proposal's edits may be looked for in, each edit counting its file."""


@dataclass(frozen=True)
class Step:
    """How one edit went, for a person."""

    number: int
    path: str
    how: str


@dataclass(frozen=True)
class Applied:
    files: dict[str, str | None]
    """path -> its new text, None where it is removed; only what changes."""
    steps: tuple[Step, ...]


def apply_edits(
    files: Callable[[str], str | None],
    edits: Sequence[Edit],
    paths: Collection[str] = (),
    *,
    refusal: Callable[[str], str | None] = path_refusal,
    without: Collection[str] = (),
) -> Applied:
    """The new text of each file that changes. Later edits see what earlier ones wrote.

    ``files`` gives a file's text, None where there is no such file; it may raise EditFailed for one that can't be
    edited. ``paths`` are those of the repository, for hints alone. ``refusal`` says why a path may not be written.
    Line ends, byte-order mark and the end of the last line stay as they are. An edit that changes nothing has to fit
    too. ``without``: rungs of the ladder to leave out, to measure what each is for.

    Raises:
        EditFailed: some edits do not apply, or they change nothing; the text tells each that does not.
    """
    work = _Work(files, paths, without)
    failures: list[str] = []
    for edit in edits:
        try:
            path = _inside(edit.path, paths)
            if why := refusal(path):
                raise EditFailed(why)
            work.apply(replace(edit, path=path))
        except EditFailed as error:
            failures.append(f"Block {edit.number} ({edit.path[:200]}) can't be applied: {error}")
    if failures:
        fitting = len(edits) - len(failures)
        told = (
            f"\n\nThe other {fitting} would apply, each after those before it." if fitting else ""
        )
        raise EditFailed("\n\n".join(failures) + told)
    changed = {path: text for path, text in work.after.items() if text != work.before[path]}
    if not changed:
        raise EditFailed("The blocks change nothing: what they write is what is there")
    return Applied(changed, tuple(work.steps))


def _inside(path: str, paths: Collection[str]) -> str:
    """An absolute path (of a container, say) where exactly one end of it is a file: that end. Else
    the path itself.
    """
    if not path.startswith("/"):
        return path
    parts = path[1:1_000].split("/")
    ends = [end for at in range(len(parts)) if (end := "/".join(parts[at:])) in paths]
    return ends[0] if len(ends) == 1 else path


@dataclass
class _Work:
    files: Callable[[str], str | None]
    paths: Collection[str]
    without: Collection[str]
    before: dict[str, str | None] = field(default_factory=dict)
    after: dict[str, str | None] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    searched: int = 0
    moved: dict[str, int] = field(default_factory=dict)
    """path -> the first line whose number is no longer the one that the reply's writer saw."""

    def apply(self, edit: Edit) -> None:
        path = edit.path
        if path not in self.before:
            self.before[path] = self.files(path)
            self.after[path] = self.before[path]
        text = self.after[path]
        change = edit.change
        how = "as written"
        if isinstance(change, Whole):
            new = self._whole(text, change)
        elif isinstance(change, Replace) and not any(
            line.strip() for line in change.readings[0][0]
        ):
            new = self._created(text, change.readings[0][1])
        elif text is None:
            raise EditFailed(missing(path, self.paths))
        elif isinstance(change, Delete):
            new = None
        elif isinstance(change, Substring):
            new = _substring(text, change)
        elif isinstance(change, Span):
            new = self._span(path, text, change)
        else:
            hunks = change.hunks if isinstance(change, Hunks) else (change,)
            if len(hunks) > MAX_EDITS:
                raise EditFailed(f"it has more than {MAX_EDITS} hunks")
            self.searched += len(text) * len(hunks)
            if self.searched > max(_SEARCHED, len(text)):
                raise EditFailed(
                    "so many edits of so long a file are not searched for: write fewer, larger"
                    " blocks"
                )
            new, how = _replaced(path, text, hunks, self.without)
        self.after[path] = new
        self.steps.append(Step(edit.number, path, how))

    def _created(self, text: str | None, new: Sequence[str]) -> str:
        _check_lines(new, text)
        if text:
            raise EditFailed(
                "its SEARCH is empty, which makes a new file, but the file exists and is not empty"
            )
        return "\n".join(new) + "\n" if any(line.strip() for line in new) else ""

    def _whole(self, text: str | None, change: Whole) -> str:
        _check_lines(change.lines, text)
        mark, lines, ends = taken_apart(text or "")
        if text and not change.sure:
            kept = set(lines) & set(change.lines)
            if 2 * sum(line in kept for line in lines) < len(lines):
                raise EditFailed(
                    "it looks like a part of the file, not all of it: write search/replace blocks"
                )
        spot = Place(0, len(lines), change.lines)
        return mark + "".join(line + end for line, end in splice(lines, ends, [spot]))

    def _span(self, path: str, text: str, change: Span) -> str:
        _check_lines(change.new, text)
        mark, lines, ends = taken_apart(text)
        if not (
            1 <= change.start <= len(lines) + 1 and change.start - 1 <= change.end <= len(lines)
        ):
            raise EditFailed(
                f"lines {change.start} to {change.end} are not in the file, which has {len(lines)}"
            )
        if change.end >= self.moved.get(path, change.end + 1):
            raise EditFailed(
                "an earlier call moved these lines: which numbers are meant is not clear"
            )
        if len(change.new) != change.end - change.start + 1:
            self.moved[path] = min(change.start, self.moved.get(path, change.start))
        spot = Place(change.start - 1, change.end, change.new)
        return mark + "".join(line + end for line, end in splice(lines, ends, [spot]))


def taken_apart(text: str) -> tuple[str, list[str], list[str]]:
    """Byte-order mark, lines, and each line's end; a lone CR is content."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    pieces = text[len(mark) :].split("\n")
    last = pieces.pop()
    lines = [piece.removesuffix("\r") for piece in pieces]
    ends = ["\r\n" if piece.endswith("\r") else "\n" for piece in pieces]
    return (mark, [*lines, last], [*ends, ""]) if last else (mark, lines, ends)


def _replaced(
    path: str, text: str, hunks: Sequence[Replace], without: Collection[str]
) -> tuple[str, str]:
    """The text with every hunk in its place, and by which rungs."""
    mark, lines, ends = taken_apart(text)
    places: list[Place] = []
    for number, hunk in enumerate(hunks, 1):
        try:
            if not any(line.strip() for search, _ in hunk.readings for line in search):
                raise EditFailed("it has no line of the file to be placed by")
            spot = place(lines, hunk, without)
            _check_replacement(hunk, spot, text)
        except EditFailed as error:
            raise EditFailed(f"hunk {number}: {error}" if len(hunks) > 1 else str(error)) from error
        places.append(spot)
    ordered = sorted(places, key=lambda spot: (spot.start, spot.end))
    if any(one.end > other.start for one, other in pairwise(ordered)):
        raise EditFailed("two of its hunks speak of the same lines")
    choices = [[spot.new, *spot.otherwise] for spot in ordered]
    if any(len(choice) > 1 for choice in choices):
        ordered = _sound(path, mark, lines, ends, ordered)
    new = mark + "".join(line + end for line, end in splice(lines, ends, ordered))
    told = ", ".join(f"{spot.rung} at line {spot.start + 1}" for spot in places)
    return new, told


def _sound(
    path: str, mark: str, lines: list[str], ends: list[str], places: list[Place]
) -> list[Place]:
    """Where a replacement's indentation can be read in several ways: the one whose file parses, if
    no other's does.
    """
    result = list(places)
    for number, spot in enumerate(places):
        fitting = []
        for new in dict.fromkeys((spot.new, *spot.otherwise)) if spot.otherwise else ():
            tried = [
                *result[:number],
                Place(spot.start, spot.end, new, (), spot.rung),
                *result[number + 1 :],
            ]
            text = mark + "".join(line + end for line, end in splice(lines, ends, tried))
            if parses(path, text):
                fitting.append(tried[number])
        if spot.otherwise and len(fitting) != 1:
            raise EditFailed(
                "its indentation is not the file's, and what its replacement's shall be is not"
                " clear. Write both halves with the file's indentation"
            )
        if fitting:
            result[number] = fitting[0]
    return result


def _substring(text: str, change: Substring) -> str:
    old, new = (piece.replace("\r\n", "\n") for piece in (change.old, change.new))
    if "\r\n" in text and "\n" not in text.replace("\r\n", ""):
        old = old.replace("\n", "\r\n")
        new = new.replace("\n", "\r\n")
    _check_lines(new.split("\n"), text)
    if not old:
        raise EditFailed("it searches for nothing")
    count = text.count(old)
    if count * len(new) > _LONGEST:
        raise EditFailed("it would make the file far too long")
    if count > 1 and not change.everywhere:
        raise EditFailed(
            f"what it searches for occurs {count} times; give more text, so that it occurs once"
        )
    if count == 0:
        lines = tuple(old.replace("\r\n", "\n").split("\n"))
        spot = place(
            taken_apart(text)[1], Replace(((lines, tuple(new.replace("\r\n", "\n").split("\n"))),))
        )
        _, found, ends = taken_apart(text)
        return text[: text.startswith("\ufeff")] + "".join(
            a + b for a, b in splice(found, ends, [spot])
        )
    return text.replace(old, new)


def _check_replacement(change: Replace, spot: Place, text: str) -> None:
    _check_lines(spot.new, text)
    if len(change.readings) == 1:
        return
    search = next((one for one, other in change.readings if tuple(other) == spot.new), None)
    for number, line in enumerate(spot.new):
        heading = number > 0 and 0 < len(spot.new[number - 1].rstrip()) <= len(line.rstrip())
        if (
            is_divider(line)
            and not heading
            and not any(is_divider(other) for other in search or ())
        ):
            raise EditFailed(
                "it has more than one ======= line, and which one parts SEARCH from REPLACE is not"
                " clear"
            )


def _check_lines(new: Sequence[str], text: str | None) -> None:
    for line in new:
        if (
            len(line) < 300
            and _PLACEHOLDER.match(line.strip())
            and line.strip() not in (text or "")
        ):
            raise EditFailed(
                f"it leaves code out ({line.strip()[:60]}): write every line that shall be there"
            )
        if "\0" in line or any("\ud800" <= character <= "\udfff" for character in line):
            raise EditFailed("it writes characters that no text file holds")
        if OMITTED.fullmatch(line.strip()) and line.strip() not in (text or ""):
            raise EditFailed(
                "it copies a mark for lines that were not shown; the mark is not in the file"
            )
