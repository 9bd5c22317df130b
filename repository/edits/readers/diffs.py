"""The reader of unified diffs as models write them: with wrong counts, missing headers, and
Markdown and prose around them.

Each hunk is located by its own context; the numbers of its header only choose between equal
matches, and are a hint where it ends. Lines of a diff that belong to no hunk are a problem: part of
the change would be lost.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from prompts.filters import code
from repository.edits.model import (
    MAX_EDITS,
    Change,
    DeleteFile,
    Hunks,
    MoveFile,
    Replace,
    SearchReplace,
    SetMode,
    is_blank,
)
from repository.edits.readers.diff_hunks import (
    HUNK_HEADER,
    Counts,
    is_change,
    parse_hunk,
    stated_counts,
)
from repository.edits.readers.headings import Paths, find_heading
from repository.edits.readers.naming import CODE_FENCE, FENCE
from repository.edits.readers.reading import Cursor, Reading

_GIT_HEADER = re.compile(r"^diff --git a/(?P<old>.+?) b/(?P<new>.+)$")
_OLD_NAME = re.compile(r"^-{2,3} (?P<path>[^-\s].*)$")
_NEW_NAME = re.compile(r"^\+{3} (?P<path>[^+\s].*)$")
_EXTENDED_HEADER = re.compile(
    r"^(?:index [0-9a-f]|(?:new|deleted) file mode|(?:old|new) mode|similarity index|Index: |=====)"
)
_MOVE = re.compile(r"^(?P<kind>rename|copy) (?P<end>from|to) (?P<path>\S.*)$")
_MODE = re.compile(r"^(?P<kind>new file|deleted file|old|new) mode\b ?(?P<mode>\d*)")
_FILE_MODES = {"": None, "100644": False, "100755": True}
"""git's mode -> whether the file is executable. Links and submodules have other modes."""
_BINARY = ("GIT binary patch", "Binary files ")
_NUMBERED_HEADER = re.compile(r"^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")
_LIST_ITEM = re.compile(r"^[-+] [^\s*]")
_CHANGED_LINE = re.compile(r"^[-+](?:[^-+\s]|[ \t]{2,}\S|\t)")
"""A removed or added line, rather than a list item or a rule."""
_MAX_LOOKED_AHEAD = 200
_STARTS_NEXT = ("@@", "diff --git ", "*** ", "Index: ")
_OPENING_TAGS = ("<patch>", "<diff>")
_CLOSING_TAGS = ("</patch>", "</diff>")
_DIFF_LANGUAGES = ("diff", "patch", "udiff")
_NO_FILE = "/dev/null"
_MARKS = ("+", "-", " ", "\\", "\t")
"""The first characters of a hunk's lines."""
_PREFIXES = ("a/", "b/")
_TAG_DISTANCE = 3
"""Number of lines above a diff that are searched for a tag around it."""
_MAX_SHOWN_PATH = 200


def read(lines: list[str], paths: Paths = None) -> Reading:
    """Read the diffs of a reply."""
    return _DiffReader(lines, paths).read()


@dataclass
class _File:
    """The part of a diff about one file, as far as it has been read."""

    line: int
    """The line at which it begins, from 0."""
    path: str | None = None
    has_names: bool = False
    """Whether its --- and +++ lines have been read."""
    is_new: bool = False
    is_deleted: bool = False
    moved_from: str | None = None
    moved_to: str | None = None
    is_copy: bool = False
    executable: bool | None = None
    """None if the diff does not say it."""
    hunks: list[Replace] = field(default_factory=list)

    @property
    def is_moved(self) -> bool:
        return self.moved_from is not None and self.moved_to is not None

    @property
    def has_text(self) -> bool:
        """Whether the diff says what the file contains, or that it is gone."""
        return bool(self.hunks) or self.is_deleted or self.is_new

    def edits(self) -> Iterator[tuple[str, Change]]:
        """Yield the path and change of each edit."""
        path = self.path
        if self.moved_from is not None and self.moved_to is not None:
            yield self.moved_from, MoveFile(self.moved_to, keeps_source=self.is_copy)
            path = self.moved_to
        if path is None:
            return
        if self.has_text:
            yield path, self.change
        if self.executable is not None and (self.executable or not self.is_new):
            yield path, SetMode(self.executable)

    @property
    def keeps_lines(self) -> bool:
        """Whether a hunk adds lines, or has context, which a deleted file can't have."""
        return any(not is_blank(hunk.variants[0].replacement) for hunk in self.hunks)

    @property
    def change(self) -> Change:
        if self.is_deleted:
            return DeleteFile()
        blocks = [hunk.variants[0] for hunk in self.hunks]
        if self.is_new and not any(any(block.search) for block in blocks):
            content: list[str] = []
            for block in blocks:
                content += block.replacement
            return Replace((SearchReplace((), tuple(content)),))
        return Hunks(tuple(self.hunks))


class _DiffReader:
    """Reads a reply line by line; each line is consumed by the first step that recognises it."""

    def __init__(self, lines: list[str], paths: Paths):
        self._cursor = Cursor(lines)
        self._paths = paths
        self._reading = Reading()
        self._file: _File | None = None
        self._fence: str | None = None
        """The mark of the fence that the cursor is in, if any."""
        self._in_diff_fence = False
        self._end_of_last = 0
        """The line below the last header or hunk."""
        self._stray: int | None = None
        """The first line of a diff that belongs to no hunk."""

    def read(self) -> Reading:
        steps = (
            self._read_git_header,
            self._read_both_names,
            self._read_new_name,
            self._read_hunk_header,
            self._read_old_name,
            self._read_move,
            self._read_mode,
            self._read_binary,
            self._read_fence,
            self._read_other_text,
        )
        while not self._cursor.at_end and not self._is_full():
            for step in steps:
                if step():
                    break
        self._close_file()
        if self._stray is not None and self._reading.edits:
            self._reading.add_problem(
                self._stray, "this line of a diff belongs to no hunk: write an @@ line above it"
            )
        return self._reading

    def _is_full(self) -> bool:
        """Return whether there are more files, or hunks of one file, than can be applied."""
        hunks = len(self._file.hunks) if self._file else 0
        return max(len(self._reading.edits), hunks) > MAX_EDITS

    # The steps. Each returns whether it consumed the line; if so, the cursor is past it.

    def _read_git_header(self) -> bool:
        header = _GIT_HEADER.match(self._cursor.line)
        if header is None:
            return False
        self._open_file(self._cursor.at).path = header["new"]
        self._cursor.advance()
        return True

    def _read_both_names(self) -> bool:
        cursor = self._cursor
        old = _OLD_NAME.match(cursor.line)
        new = _NEW_NAME.match(cursor.next_line)
        if old is None or new is None:
            return False
        self._set_names(_clean_name(old), _clean_name(new))
        cursor.advance(2)
        if cursor.at_end or self._at_names():
            return True
        if cursor.line.startswith(("+", "-", " ")):
            self._read_hunk(None)  # The first hunk has no @@ line.
        return True

    def _read_new_name(self) -> bool:
        new = _NEW_NAME.match(self._cursor.line)
        if new is None:
            return False
        if self._file is None and not self._cursor.next_line.startswith("@@"):
            return False
        self._set_names(None, _clean_name(new))
        self._cursor.advance()
        return True

    def _read_hunk_header(self) -> bool:
        header = HUNK_HEADER.match(self._cursor.line)
        if header is None:
            return False
        if not (self._file or self._in_diff_fence or self._at_numbered_hunk()):
            return False
        self._cursor.advance()
        self._read_hunk(header)
        return True

    def _read_old_name(self) -> bool:
        old = _OLD_NAME.match(self._cursor.line)
        if old is None or not self._cursor.next_line.startswith("@@"):
            return False
        self._set_names(_clean_name(old), None)
        self._cursor.advance()
        return True

    def _read_move(self) -> bool:
        move = _MOVE.match(self._cursor.line)
        if move is None or self._file is None or self._file.hunks:
            return False
        path = _without_quotes(move["path"])
        if move["end"] == "from":
            self._file.moved_from = path
        else:
            self._file.moved_to = path
        self._file.is_copy = move["kind"] == "copy"
        self._take_header()
        return True

    def _read_mode(self) -> bool:
        mode = _MODE.match(self._cursor.line)
        if self._file is None or mode is None:
            return False
        kind = mode["kind"]
        if kind == "deleted file":
            self._file.is_deleted = True
        elif kind != "old":
            self._file.is_new = self._file.is_new or kind == "new file"
            self._set_mode(self._file, mode["mode"])
        self._take_header()
        return True

    def _set_mode(self, file: _File, mode: str) -> None:
        if mode in _FILE_MODES:
            file.executable = _FILE_MODES[mode]
        else:
            self._reading.add_problem(
                self._cursor.at, f"mode {mode} is no file's: links and submodules can't be written"
            )

    def _read_binary(self) -> bool:
        if self._file is None or not self._cursor.line.startswith(_BINARY):
            return False
        self._reading.add_problem(self._cursor.at, "a binary file can't be written")
        self._cursor.advance()
        return True

    def _read_fence(self) -> bool:
        fence = CODE_FENCE.match(self._cursor.line)
        if fence is None:
            return False
        info = fence["info"].split()
        if self._fence is None:
            self._fence = fence["mark"]
            self._in_diff_fence = bool(info) and info[0] in _DIFF_LANGUAGES
        elif fence["mark"].startswith(self._fence) and not info:
            self._close_file()
            self._fence = None
            self._in_diff_fence = False
        self._cursor.advance()
        return True

    def _read_other_text(self) -> bool:
        line = self._cursor.line
        is_in_code = self._fence is not None and not self._in_diff_fence
        if self._stray is None and _CHANGED_LINE.match(line) and not is_in_code:
            self._stray = self._cursor.at
        is_prose = line.strip() and not _EXTENDED_HEADER.match(line)
        if is_prose and self._file and self._file.hunks:
            self._close_file()
        self._cursor.advance()
        return True

    # Helpers of the steps.

    def _take_header(self) -> None:
        """Move past a line of git's header, which belongs to the file's edit."""
        self._cursor.advance()
        self._end_of_last = self._cursor.at

    def _at_numbered_hunk(self) -> bool:
        """Return whether a hunk begins here that can be no prose."""
        is_header = _NUMBERED_HEADER.match(self._cursor.line) is not None
        return is_header and self._cursor.next_line[:1] in ("+", "-", " ")

    def _open_file(self, at: int) -> _File:
        self._close_file()
        self._file = _File(at)
        self._end_of_last = at + 1
        return self._file

    def _close_file(self) -> None:
        """Add the edit of the open file, or the problem with it."""
        file = self._file
        self._file = None
        if file is None:
            return
        if (file.moved_from is None) != (file.moved_to is None):
            self._reading.add_problem(file.line, "the diff names one end of a rename only")
            return
        if not (file.has_text or file.is_moved or file.executable is not None):
            return
        if file.is_deleted and file.keeps_lines:
            self._reading.add_problem(
                file.line, "the diff deletes the file, but its hunks have lines that stay"
            )
        if file.path is None and not file.is_moved:
            self._reading.add_problem(
                file.line, "the diff names no file: write its --- and +++ lines"
            )
        for path, change in file.edits():
            self._reading.add_edit(path, change)
        end = max(self._end_of_last, file.line + 1)
        self._reading.add_span(file.line, end)

    def _set_names(self, old: str | None, new: str | None) -> None:
        """Apply the names of the --- and +++ lines; None for a missing line."""
        file = self._file
        if file is None or file.has_names:
            file = self._open_file(self._cursor.at)
        file.has_names = True
        if _has_prefix(old) and _has_prefix(new):
            old = _without_prefix(old)
            new = _without_prefix(new)
        file.is_new = file.is_new or old == _NO_FILE
        file.is_deleted = file.is_deleted or new == _NO_FILE
        file.path = old if new in (None, _NO_FILE) else new
        if old is None or old == new or _NO_FILE in (old, new) or file.is_moved:
            return
        if new is None:
            problem = "the diff has no +++ line below its --- line"
        else:
            problem = (
                f"the diff turns {code(old[:_MAX_SHOWN_PATH])} into {code(new[:_MAX_SHOWN_PATH])}:"
                " to rename a file, write git's lines 'rename from' and 'rename to'"
            )
        self._reading.add_problem(self._cursor.at, problem)

    def _read_hunk(self, header: re.Match[str] | None) -> None:
        """Read the lines of a hunk from the cursor on; its header, if any, is above."""
        cursor = self._cursor
        begin = cursor.at
        if self._file is None:
            heading = find_heading(cursor.lines, begin - 1, self._end_of_last, self._paths)
            file = self._open_file(heading.line)
            file.path = heading.path
        else:
            file = self._file
        body = self._take_body(file, stated_counts(header))
        self._end_of_last = cursor.at
        hunk = parse_hunk(body, header)
        if hunk is not None:
            file.hunks.append(hunk)
        elif not body:
            self._reading.add_problem(begin, "a hunk without lines")

    def _take_body(self, file: _File, counts: Counts | None) -> list[str]:
        """Move to the end of a hunk; return its lines, without trailing blank ones."""
        cursor = self._cursor
        body: list[str] = []
        while not cursor.at_end and not self._ends_hunk(file, counts):
            body.append(cursor.line)
            if counts is not None:
                counts.pass_line(cursor.line)
            cursor.advance()
        while body and not body[-1].strip() and not is_change(body[-1]):
            body.pop()
        return body

    def _ends_hunk(self, file: _File, counts: Counts | None) -> bool:
        """Return whether the line at the cursor is no longer part of the hunk above it."""
        line = self._cursor.line
        if line.startswith(_STARTS_NEXT) or line.strip() in _CLOSING_TAGS:
            return True
        if self._at_names():
            return True
        if self._fence is not None:
            beside_mark = line.strip(self._fence[0] + " ")
            return line.startswith(self._fence) and not beside_mark
        may_be_over = counts is not None and counts.are_done and not self._has_more_changes()
        if line[:1] in _MARKS:
            after_blank = self._cursor.at > 0 and not self._cursor.previous_line.strip()
            return may_be_over and after_blank
        if not line.strip():
            return may_be_over
        return FENCE.match(line) is not None or not self._is_in_tags(file)

    def _has_more_changes(self) -> bool:
        """Return whether lines of a hunk follow, whatever its header counts, rather than prose."""
        end = self._cursor.at + _MAX_LOOKED_AHEAD
        for line in self._cursor.lines[self._cursor.at : end]:
            if line.startswith(("@@", "diff --git ", "--- ", "+++ ")):
                return False
            if line.startswith(("+", "-")) and not _LIST_ITEM.match(line):
                return True
            if line.strip() and line[:1] not in _MARKS:
                return False
        return False

    def _at_names(self) -> bool:
        """Return whether the cursor is at a --- line followed by a +++ line."""
        old = _OLD_NAME.match(self._cursor.line)
        return old is not None and _NEW_NAME.match(self._cursor.next_line) is not None

    def _is_in_tags(self, file: _File) -> bool:
        start = max(file.line - _TAG_DISTANCE, 0)
        end = file.line + 1
        above = self._cursor.lines[start:end]
        return any(line.strip() in _OPENING_TAGS for line in above)


def _clean_name(line: re.Match[str]) -> str:
    """Return the path of a --- or +++ line, without git's quotes and diff's timestamp."""
    return _without_quotes(line["path"].split("\t")[0])


def _without_quotes(path: str) -> str:
    return path.strip().strip('"')


def _has_prefix(name: str | None) -> bool:
    """Return whether a name has git's prefix, or could not have one (/dev/null, or missing)."""
    if name is None or name == _NO_FILE:
        return True
    return name.startswith(_PREFIXES)


def _without_prefix(name: str | None) -> str | None:
    if name is None or name == _NO_FILE:
        return name
    return name[2:]
