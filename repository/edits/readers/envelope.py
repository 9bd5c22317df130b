"""The reader of the ``*** Begin Patch`` envelope: files by name, hunks by context, and headings
after ``@@`` to find them.
"""

import re

from prompts.filters import code
from repository.edits.model import (
    Change,
    DeleteFile,
    Hunks,
    MoveFile,
    Replace,
    SearchReplace,
    is_blank,
)
from repository.edits.readers.headings import Paths
from repository.edits.readers.reading import Cursor, Reading, Unreadable

_SECTION = re.compile(r"^\*\*\* (?P<kind>Update|Add|Delete) File: *(?P<path>.+?)\s*$")
_BEGIN = "*** Begin Patch"
_END = "*** End Patch"
_MOVE = "*** Move to:"
_END_OF_FILE = "*** End of File"
_MAX_SHOWN = 80


def read(lines: list[str], _: Paths = None) -> Reading:
    """Read the sections of each envelope of a reply. Each names its file in full."""
    cursor = Cursor(lines)
    reading = Reading()
    while not cursor.at_end:
        if cursor.line.strip() == _BEGIN:
            _read_envelope(cursor, reading)
        else:
            cursor.advance()
    return reading


def _read_envelope(cursor: Cursor, reading: Reading) -> None:
    begin = cursor.at
    cursor.advance()
    while not cursor.at_end and cursor.line.strip() != _END:
        _read_section(cursor, reading)
    if cursor.at_end:
        reading.add_problem(begin, f"the reply ends inside the patch, before its {_END}")
    else:
        cursor.advance()
    reading.add_span(begin, cursor.at)


def _read_section(cursor: Cursor, reading: Reading) -> None:
    header = cursor.at
    section = _SECTION.match(cursor.line)
    cursor.advance()
    if section is None:
        if cursor.lines[header].strip():
            reading.add_problem(header, "in a patch envelope, this line belongs to no file")
        return
    body = cursor.take_until(_ends_section)
    path = section["path"].removeprefix("./")
    if section["kind"] == "Update" and body and body[0].startswith(_MOVE):
        new_path = body.pop(0).removeprefix(_MOVE).strip().removeprefix("./")
        reading.add_edit(path, MoveFile(new_path))
        path = new_path
        if is_blank(body):
            return
    try:
        change = _read_change(section["kind"], body)
    except Unreadable as error:
        reading.add_problem(header, str(error))
    else:
        reading.add_edit(path, change)


def _ends_section(line: str) -> bool:
    return line.strip() == _END or _SECTION.match(line) is not None


def _read_change(kind: str, body: list[str]) -> Change:
    """Return the change that a section describes."""
    while body and not body[-1].strip():
        body.pop()
    if kind == "Delete":
        return _read_deletion(body)
    if kind == "Add":
        return _read_new_file(body)
    return _read_update(body)


def _read_deletion(body: list[str]) -> DeleteFile:
    if body:
        raise Unreadable("a file to delete has no lines below it")
    return DeleteFile()


def _read_new_file(body: list[str]) -> Replace:
    if any(line[:1] != "+" for line in body):
        raise Unreadable("each line of a new file begins with +")
    content = tuple(line[1:] for line in body)
    return Replace((SearchReplace((), content),))


def _read_update(body: list[str]) -> Hunks:
    hunks: list[Replace] = []
    anchors: list[str] = []
    lines: list[str] = []
    for line in [*body, "@@"]:
        if line.startswith("@@"):
            if lines:
                hunks.append(_hunk(lines, anchors))
                lines = []
                anchors = []
            heading = line.strip("@ ")
            if heading:
                anchors.append(heading)
        elif line[:1] in ("", " ", "+", "-"):
            lines.append(line)
        elif line.strip() != _END_OF_FILE:
            excerpt = line[:_MAX_SHOWN]
            raise Unreadable(f"a line does not begin with a space, + or -: {code(excerpt)}")
    if not hunks:
        raise Unreadable("the file has no hunks")
    return Hunks(tuple(hunks))


def _hunk(lines: list[str], anchors: list[str]) -> Replace:
    search = tuple(line[1:] for line in lines if line[:1] != "+")
    replacement = tuple(line[1:] for line in lines if line[:1] != "-")
    return Replace((SearchReplace(search, replacement),), anchors=tuple(anchors))
