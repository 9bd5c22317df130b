"""A git patch, or the difference of two texts, as rows of two sides, to be shown side by side."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff
from itertools import zip_longest
from typing import Literal

from console.html.changed_words import Part, compare_words
from console.html.patch_paths import read_path
from prompts.filters import clip

_HUNK = re.compile(r"@@ -(?P<old>\d+)(?:,\d+)? \+(?P<new>\d+)(?:,\d+)? @@ ?(?P<where>.*)")
_CHANGES = (
    ("new file mode ", "added"),
    ("deleted file mode ", "deleted"),
    ("rename from ", "renamed"),
    ("Binary files ", "binary"),
    ("GIT binary patch", "binary"),
)


@dataclass(frozen=True)
class Line:
    number: int
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True)
class Row:
    """A line before and after. One side is None if the line was added or removed."""

    kind: Literal["same", "changed", "gap"]
    old: Line | None = None
    new: Line | None = None
    where: str = ""
    """For a gap: git's name of the function that the next rows are in."""


@dataclass(frozen=True)
class FileDiff:
    """The changes to one file."""

    path: str
    change: str
    """changed, added, deleted, renamed or binary"""
    rows: tuple[Row, ...]
    added: int
    """Lines."""
    removed: int


def read_patch(patch: str) -> tuple[FileDiff, ...]:
    """Return the files of a patch as ``git diff`` writes it. Unknown lines are ignored.

    No words are marked: see ``mark_words``.
    """
    files: list[FileDiff] = []
    lines: list[str] = []
    for line in patch.split("\n"):
        if line.startswith("diff --git ") and lines:
            files.append(_read_file(lines))
            lines = []
        if line.startswith("diff --git ") or lines:
            lines.append(line)
    if lines:
        files.append(_read_file(lines))
    return tuple(files)


def compare_texts(
    name: str, old: str, new: str, *, marked_rows: int | None = None
) -> FileDiff | None:
    """Return the difference of two texts as that of a file ``name``; None if there is none.

    Args:
        marked_rows: the words that differ are marked in so many rows; None for all.
    """
    if old == new:
        return None
    lines = unified_diff(old.splitlines(), new.splitlines(), lineterm="")
    file = _read_file([f"diff --git a/{name} b/{name}", *lines])
    marked = tuple(mark_words(row) for row in file.rows[:marked_rows])
    return replace(file, rows=marked + file.rows[len(marked) :])


def _read_file(lines: Sequence[str]) -> FileDiff:
    """Return the diff of one file; its first line is ``diff --git a/PATH b/PATH``."""
    change = "changed"
    header_lines: list[str] = []
    rows: list[Row] = []
    hunk: _Hunk | None = None
    for line in lines[1:]:
        header = _HUNK.match(line)
        if header is not None:
            rows += hunk.finish() if hunk is not None else []
            rows.append(Row("gap", where=header["where"]))
            hunk = _Hunk(int(header["old"]), int(header["new"]))
        elif hunk is not None:
            rows += hunk.read(line)
        else:
            change = _change(line) or change
            header_lines.append(line)
    rows += hunk.finish() if hunk is not None else []
    changed = [row for row in rows if row.kind == "changed"]
    return FileDiff(
        path=read_path(lines[0], header_lines),
        change=change,
        rows=tuple(rows),
        added=sum(row.new is not None for row in changed),
        removed=sum(row.old is not None for row in changed),
    )


def _change(line: str) -> str | None:
    """Return what a line of a file's header says about the change."""
    for prefix, change in _CHANGES:
        if line.startswith(prefix):
            return change
    return None


class _Hunk:
    """Reads the lines of a hunk. Removed lines wait for the added ones that replace them."""

    def __init__(self, old: int, new: int):
        """The arguments are the numbers of the next line before and after."""
        self._old = old
        self._new = new
        self._removed: list[str] = []
        self._added: list[str] = []

    def read(self, line: str) -> list[Row]:
        """Return the rows that are complete with this line."""
        if line.startswith("-"):
            self._removed.append(line[1:])
            return []
        if line.startswith("+"):
            self._added.append(line[1:])
            return []
        if not line.startswith(" "):
            return []
        rows = self.finish()
        parts = (Part(line[1:]),)
        rows.append(Row("same", Line(self._old, parts), Line(self._new, parts)))
        self._old += 1
        self._new += 1
        return rows

    def finish(self) -> list[Row]:
        """Return the rows of the lines that have waited."""
        rows = [self._pair(old, new) for old, new in zip_longest(self._removed, self._added)]
        self._removed.clear()
        self._added.clear()
        return rows

    def _pair(self, old: str | None, new: str | None) -> Row:
        old_line = None
        new_line = None
        if old is not None:
            old_line = Line(self._old, (Part(old),))
            self._old += 1
        if new is not None:
            new_line = Line(self._new, (Part(new),))
            self._new += 1
        return Row("changed", old_line, new_line)


def mark_words(row: Row) -> Row:
    """Return the row of a changed line with the words marked that differ; see ``compare_words``."""
    if row.kind != "changed" or row.old is None or row.new is None:
        return row
    old_parts, new_parts = compare_words(row.old.text, row.new.text)
    old = replace(row.old, parts=old_parts)
    return replace(row, old=old, new=replace(row.new, parts=new_parts))


def cut_lines(row: Row, size: int) -> Row:
    """Return the row with the middle of lines left out that have more than ``size`` characters."""
    return replace(row, old=_cut(row.old, size), new=_cut(row.new, size))


def _cut(line: Line | None, size: int) -> Line | None:
    if line is None or len(line.text) <= size:
        return line
    return replace(line, parts=(Part(clip(line.text, size)),))
