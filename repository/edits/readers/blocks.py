"""The reader of search/replace blocks, fenced or not:

path/of/file.py
<<<<<<< SEARCH
lines as they are
=======
lines as they should be
>>>>>>> REPLACE

Lines of their own outside the blocks delete and rename files, or make them executable:
``*** Delete File: PATH``, ``*** Move File: OLD -> NEW``, ``*** Make Executable: PATH``.
"""

import re
from collections.abc import Iterable

from prompts.filters import code
from repository.edits.model import (
    MAX_EDITS,
    DeleteFile,
    MoveFile,
    Replace,
    SearchReplace,
    SetMode,
)
from repository.edits.readers.block_bodies import CLOSE, OPEN, find_dividers, read_body
from repository.edits.readers.headings import Heading, Paths, find_heading
from repository.edits.readers.naming import CODE_FENCE, FENCE, as_path
from repository.edits.readers.reading import Cursor, Reading

_OPERATION = re.compile(
    r"^\s*\*\*\* (?P<kind>Delete File|(?:Move|Rename) File|Make Executable):[ \t]*(?P<rest>.+)$"
)
_ARROW = re.compile(r"\s+(?:->|=>|→|to)\s+")
_ENVELOPE_SECTION = re.compile(r"^\s*\*\*\* (?:Add|Update) File:")
_END_OF_LAYOUT = re.compile(r"^\s*(?:`{3,}|~{3,}|</[a-z_]+>)\s*$")
"""A fence's or a tag's end."""
_MAX_DIVIDERS = 6
"""Maximum number of lines of a block that are tried as its divider."""
_MAX_PROBLEMS = 20
_MAX_SHOWN_PATH = 200


def read(lines: list[str], paths: Paths = None) -> Reading:
    """Read the blocks of a reply."""
    return _BlockReader(lines, paths).read()


class _BlockReader:
    def __init__(self, lines: list[str], paths: Paths):
        self._cursor = Cursor(lines)
        self._paths = paths
        self._reading = Reading()
        self._path: str | None = None
        """The last block's path, which the next block has if nothing stands between them."""
        self._end_of_last = 0
        self._fence: str | None = None
        """The mark of the fence that the cursor is in, if any."""
        self._quoted_operation: int | None = None
        """The first line that would be an operation, but is among other lines of a fence."""

    def read(self) -> Reading:
        while not self._cursor.at_end and not self._is_full():
            opening = OPEN.match(self._cursor.line)
            if opening is None:
                self._pass_line()
            else:
                self._read_block(opening)
        if self._quoted_operation is not None and self._reading.edits:
            self._reading.add_problem(
                self._quoted_operation,
                "it stands among other lines in a code fence: if it is meant, write it outside",
            )
        return self._reading

    def _is_full(self) -> bool:
        if len(self._reading.edits) > MAX_EDITS:
            return True
        return len(self._reading.problems) >= _MAX_PROBLEMS

    def _pass_line(self) -> None:
        cursor = self._cursor
        operation = _OPERATION.match(cursor.line)
        self._pass_fence()
        if operation is not None and self._is_among_text():
            if self._quoted_operation is None:
                self._quoted_operation = cursor.at
        elif operation is not None:
            self._end_of_last = cursor.at + 1
            self._path = None
            self._reading.add_span(cursor.at, self._end_of_last)
            self._read_operation(operation["kind"], operation["rest"])
        elif _ENVELOPE_SECTION.match(cursor.line):
            self._reading.add_problem(
                cursor.at, "it is part of a patch: write *** Begin Patch above, and *** End Patch"
            )
        elif CLOSE.match(cursor.line) and not _is_explanation(cursor):
            self._reading.add_problem(
                cursor.at, "it ends a block (>>>>>>> REPLACE), but none is open"
            )
        cursor.advance()

    def _pass_fence(self) -> None:
        """Note whether the line at the cursor opens or closes a fence."""
        fence = CODE_FENCE.match(self._cursor.line)
        if fence is None:
            return
        if self._fence is None:
            self._fence = fence["mark"]
        elif fence["mark"].startswith(self._fence) and not fence["info"].strip():
            self._fence = None

    def _is_among_text(self) -> bool:
        """Return whether the line is in a fence beside a line of text, as in a file's content."""
        if self._fence is None:
            return False
        lines = self._cursor.lines
        at = self._cursor.at
        above = (lines[each] for each in range(at - 1, self._end_of_last - 1, -1))
        below = (lines[each] for each in range(at + 1, len(lines)))
        nearest = (_first_with_text(above), _first_with_text(below))
        return any(line and not self._is_markup(line) for line in nearest)

    def _is_markup(self, line: str) -> bool:
        """Return whether a line is one of the format's: a mark, an operation or a path."""
        if any(mark.match(line) for mark in (CODE_FENCE, OPEN, CLOSE, _OPERATION)):
            return True
        return as_path(line, self._paths or ()) is not None

    def _read_operation(self, kind: str, rest: str) -> None:
        """Read a line that deletes or renames a file, or makes it executable."""
        if kind == "Delete File":
            self._reading.add_edit(_clean_path(rest), DeleteFile())
        elif kind == "Make Executable":
            self._reading.add_edit(_clean_path(rest), SetMode(executable=True))
        else:
            names = [_clean_path(name) for name in _ARROW.split(rest)]
            if len(names) == 2 and all(names):
                self._reading.add_edit(names[0], MoveFile(names[1]))
            else:
                self._reading.add_problem(
                    self._cursor.at, "it renames a file: write *** Move File: old/path -> new/path"
                )

    def _read_block(self, opening: re.Match[str]) -> None:
        cursor = self._cursor
        start = cursor.at
        heading = find_heading(cursor.lines, start, self._end_of_last, self._paths)
        body = read_body(cursor, opening["indent"])
        if body is None:
            self._report_unclosed(start)
            return
        if not cursor.at_end and _END_OF_LAYOUT.match(cursor.line):
            self._pass_fence()
            cursor.advance()
        self._reading.add_span(self._begin_of(heading), cursor.at)
        self._end_of_last = cursor.at
        dividers = find_dividers(body, len(opening["mark"]))
        self._path = self._choose_path(opening, heading, creates=dividers[:1] == [0])
        self._add_edit(start, heading, body, dividers)

    def _begin_of(self, heading: Heading) -> int:
        """Return the line at which a block begins, with the fence around its heading."""
        above = heading.line - 1
        if above >= self._end_of_last and FENCE.match(self._cursor.lines[above]):
            return above
        return heading.line

    def _choose_path(
        self, opening: re.Match[str], heading: Heading, *, creates: bool
    ) -> str | None:
        """Return a block's path; ``creates`` says whether it has no line to search for."""
        behind_mark = as_path(opening["path"], self._paths or ())
        if behind_mark or heading.path:
            return behind_mark or heading.path
        if heading.is_absent:
            return self._path
        return heading.word if creates else None

    def _add_edit(self, start: int, heading: Heading, body: list[str], dividers: list[int]) -> None:
        block = f"block {self._reading.next_number}"
        if self._path is None:
            why = heading.problem or "nothing stands above it"
            self._reading.add_problem(
                start,
                f"{block} names no file ({why}): write its path, alone, on the line before"
                " <<<<<<< SEARCH",
            )
            return
        if not dividers:
            path = self._path[:_MAX_SHOWN_PATH]
            self._reading.add_problem(
                start, f"{block} ({code(path)}) has no ======= line between its SEARCH and REPLACE"
            )
            return
        # A heading's underline looks like a divider. The longest search comes first, since its
        # match is the least likely to be accidental.
        variants: list[SearchReplace] = []
        for at in reversed(dividers[-_MAX_DIVIDERS:]):
            below = at + 1
            search = tuple(body[:at])
            replacement = tuple(body[below:])
            variants.append(SearchReplace(search, replacement))
        self._reading.add_edit(self._path, Replace(tuple(variants)))

    def _report_unclosed(self, start: int) -> None:
        block = f"block {self._reading.next_number}"
        if self._cursor.at_end:
            self._reading.add_problem(start, f"the reply ends inside {block}")
        else:
            self._reading.add_problem(
                start, f"{block} has no >>>>>>> REPLACE before the next one begins"
            )


def _first_with_text(lines: Iterable[str]) -> str:
    """Return the first line that is not blank; an empty text if there is none."""
    return next((line for line in lines if line.strip()), "")


def _clean_path(text: str) -> str:
    return text.strip(' \t`*"').removeprefix("./")


def _is_explanation(cursor: Cursor) -> bool:
    """Return whether the line is the only one in a fence: an explanation of the format, no edit."""
    above = CODE_FENCE.match(cursor.previous_line)
    below = CODE_FENCE.match(cursor.next_line)
    return above is not None and below is not None
