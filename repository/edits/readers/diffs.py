"""Unified diffs as models write them: counts wrong, headers missing, markdown and prose around.
Each hunk is placed by its own context; the numbers of its header only choose between places that
fit alike."""

import re
from dataclasses import dataclass, field

from repository.edits.model import MAX_EDITS, Change, Delete, Edit, Found, Hunks, Problem, Replace
from repository.edits.readers.naming import CODE_FENCE, FENCE, path_before

_GIT = re.compile(r"^diff --git a/(?P<old>.+?) b/(?P<new>.+)$")
_OLD = re.compile(r"^-{2,3} (?P<path>[^-\s].*)$")
_NEW = re.compile(r"^\+{3} (?P<path>[^+\s].*)$")
_HUNK = re.compile(
    r"^@@[@ ]*(?:-(?P<start>\d+)(?:,(?P<old>\d+))?"
    r" \+\d+(?:,(?P<new>\d+))?)?[^@]*(?:@@+(?P<heading>.*))?"
)
_EXTENDED = re.compile(
    r"^(?:index [0-9a-f]|(?:new|deleted) file mode|(?:old|new) mode|similarity index|Index: |=====)"
)
_MOVE = re.compile(r"^(?:rename|copy) (?:from|to) ")
_CLOSING = ("</patch>", "</diff>")
_NOTHING = "/dev/null"


@dataclass
class _File:
    line: int
    path: str | None = None
    headed: bool = False
    """Its --- and +++ lines were read."""
    new: bool = False
    deleted: bool = False
    hunks: list[Replace] = field(default_factory=list)


def read(lines: list[str]) -> Found:
    reader = _Reader(lines)
    at = 0
    while at < len(lines) and not reader.full:
        at = reader.step(at)
    reader.close(len(lines))
    return Found(tuple(reader.edits), tuple(reader.problems), tuple(reader.spans))


class _Reader:
    """Goes down a reply, collecting the files of its diffs."""

    def __init__(self, lines: list[str]):
        self._lines = lines
        self._file: _File | None = None
        self._fence: str | None = None
        """The mark of the fence we are in."""
        self._diff_fence = False
        self._last = 0
        self.edits: list[Edit] = []
        self.problems: list[Problem] = []
        self.spans: list[tuple[int, int]] = []

    @property
    def full(self) -> bool:
        """There are more files, or hunks of one, than are applied."""
        return max(len(self.edits), len(self._file.hunks) if self._file else 0) > MAX_EDITS

    def step(self, at: int) -> int:
        line = self._lines[at]
        following = self._lines[at + 1] if at + 1 < len(self._lines) else ""
        if git := _GIT.match(line):
            self._open(at).path = git["new"]
        elif _header(line, following):
            self._paths(
                at, _name(line[4:] if line.startswith("---") else line[3:]), _name(following[4:])
            )
            return self._headless(at + 2)
        elif (new := _NEW.match(line)) and (following.startswith("@@") or self._file):
            self._paths(at, None, _name(new["path"]))
        elif (
            line.startswith("@@")
            and (hunk := _HUNK.match(line))
            and (self._file or self._diff_fence)
        ):
            return self._hunk(at + 1, hunk)
        elif (old := _OLD.match(line)) and following.startswith("@@"):
            self._paths(at, _name(old["path"]), None)
        elif self._file and not self._file.hunks and _MOVE.match(line):
            self.problems.append(
                Problem(at + 1, "the diff renames or copies a file: write it as a new one instead")
            )
        elif self._file and line.startswith("new file mode"):
            self._file.new = True
        elif self._file and line.startswith("deleted file mode"):
            self._file.deleted = True
        elif fence := CODE_FENCE.match(line):
            self._fenced(at, fence["mark"], fence["info"])
        elif line.strip() and not _EXTENDED.match(line) and self._file and self._file.hunks:
            self.close(at)
        return at + 1

    def close(self, at: int) -> None:
        """The file that was open is done: its edit, or what is wrong with it."""
        file = self._file
        self._file = None
        if file is None or not (file.hunks or file.deleted or file.new):
            return
        number = len(self.edits) + 1
        if file.path is None:
            self.problems.append(
                Problem(file.line + 1, "the diff names no file: write its --- and +++ lines")
            )
        else:
            self.edits.append(Edit(number, file.path, _change(file)))
        self.spans.append((file.line, max(self._last, file.line + 1)))

    def _open(self, at: int) -> _File:
        self.close(at)
        self._file = _File(at)
        self._last = at + 1
        return self._file

    def _paths(self, at: int, old: str | None, new: str | None) -> None:
        file = self._file if self._file and not self._file.headed else self._open(at)
        file.headed = True
        prefixed = all(name in (None, _NOTHING) or name[:2] in ("a/", "b/") for name in (old, new))
        old, new = (
            name[2:] if prefixed and name not in (None, _NOTHING) else name for name in (old, new)
        )
        file.new = file.new or old == _NOTHING
        file.deleted = file.deleted or new == _NOTHING
        file.path = new if new not in (None, _NOTHING) else old
        if old not in (None, new, _NOTHING) and new != _NOTHING:
            self.problems.append(
                Problem(at + 1, f"the diff turns {old[:200]} into {new or ''}: write a new file")
            )

    def _fenced(self, at: int, mark: str, info: str) -> None:
        if self._fence is not None and mark.startswith(self._fence) and not info.strip():
            self.close(at)
            self._fence = None
            self._diff_fence = False
        elif self._fence is None:
            self._fence = mark
            self._diff_fence = info.split()[:1] in (["diff"], ["patch"], ["udiff"])

    def _headless(self, at: int) -> int:
        """A diff whose first hunk has no @@ line."""
        if (
            at < len(self._lines)
            and self._lines[at][:1] in ("+", "-", " ")
            and not _header(*self._two(at))
        ):
            return self._hunk(at, None)
        return at

    def _hunk(self, at: int, header: re.Match[str] | None) -> int:
        begin = at
        if self._file is None:
            path, above = path_before(self._lines, at - 1, self._last)
            self._open(above).path = path
        assert self._file is not None  # noqa: S101 - just opened
        counts = (
            [int(header[name] or 1) for name in ("old", "new")]
            if header and header["start"]
            else None
        )
        body: list[str] = []
        while at < len(self._lines) and not self._ends(at, counts):
            line = self._lines[at]
            body.append(line)
            if counts and line[:1] in ("", " ", "-"):
                counts[0] -= 1
            if counts and line[:1] in ("", " ", "+"):
                counts[1] -= 1
            at += 1
        while body and not body[-1].strip() and body[-1][:1] not in ("+", "-"):
            body.pop()
        self._last = at
        if hunk := _read_hunk(body, header):
            self._file.hunks.append(hunk)
        elif not body:
            self.problems.append(Problem(begin + 1, "a hunk without lines"))
        return at

    def _ends(self, at: int, counts: list[int] | None) -> bool:
        line = self._lines[at]
        if (
            line.startswith(("@@", "diff --git ", "*** ", "Index: "))
            or line.strip() in _CLOSING
            or _header(*self._two(at))
        ):
            return True
        if self._fence is not None:
            return line.startswith(self._fence) and not line.strip(self._fence[0] + " ")
        if line[:1] in ("+", "-", " ", "\\", "\t"):
            return bool(counts and counts == [0, 0] and self._last_blank(at))
        if not line.strip():
            return bool(counts and counts == [0, 0])
        return FENCE.match(line) is not None or not self._in_tags()

    def _last_blank(self, at: int) -> bool:
        return at > 0 and not self._lines[at - 1].strip()

    def _in_tags(self) -> bool:
        line = self._file.line if self._file else 0
        return any(
            self._lines[at].strip() in ("<patch>", "<diff>")
            for at in range(max(line - 3, 0), line + 1)
        )

    def _two(self, at: int) -> tuple[str, str]:
        return self._lines[at], self._lines[at + 1] if at + 1 < len(self._lines) else ""


def _header(line: str, following: str) -> bool:
    return _OLD.match(line) is not None and _NEW.match(following) is not None


def _name(text: str) -> str:
    """A path of a header line, without git's quotes and diff's time."""
    return text.split("\t")[0].strip().strip('"')


def _read_hunk(body: list[str], header: re.Match[str] | None) -> Replace | None:
    """None where it changes nothing. Context that lost its leading space is tried as it stands."""
    body = [line for line in body if not line.startswith("\\")]
    if not any(line[:1] in ("+", "-") for line in body):
        return None
    readings = []
    for bare in (False, True):
        search = [
            _context(line, bare) if line[:1] != "-" else line[1:]
            for line in body
            if line[:1] != "+"
        ]
        replace = [
            _context(line, bare) if line[:1] != "+" else line[1:]
            for line in body
            if line[:1] != "-"
        ]
        readings.append((tuple(search), tuple(replace)))
    if readings[0][0] == readings[0][1]:
        return None
    start = int(header["start"]) if header and header["start"] else None
    heading = (header["heading"] or "").strip() if header else ""
    return Replace(tuple(dict.fromkeys(readings)), start or None, (heading,) if heading else ())


def _context(line: str, bare: bool) -> str:
    return line if bare else line.removeprefix(" ")


def _change(file: _File) -> Change:
    if file.deleted:
        return Delete()
    added = [hunk.readings[0] for hunk in file.hunks]
    if file.new and not any(any(search) for search, _ in added):
        return Replace((((), tuple(line for _, replace in added for line in replace)),))
    return Hunks(tuple(file.hunks))
