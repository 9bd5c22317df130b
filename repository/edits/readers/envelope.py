"""The ``*** Begin Patch`` envelope: files by name, hunks by context, headings after ``@@`` to find
them.
"""

import re

from repository.edits.model import Change, Delete, Edit, Found, Hunks, Problem, Replace

_SECTION = re.compile(r"^\*\*\* (?P<kind>Update|Add|Delete) File: *(?P<path>.+?)\s*$")
_BEGIN = "*** Begin Patch"
_END = "*** End Patch"
_MOVE = "*** Move to:"
_LAST = "*** End of File"


def read(lines: list[str]) -> Found:
    edits: list[Edit] = []
    problems: list[Problem] = []
    spans: list[tuple[int, int]] = []
    at = 0
    while at < len(lines):
        if lines[at].strip() != _BEGIN:
            at += 1
            continue
        begin = at
        at += 1
        while at < len(lines) and lines[at].strip() != _END:
            section = _SECTION.match(lines[at])
            if section is None:
                if lines[at].strip():
                    problems.append(Problem(at + 1, "in a patch envelope, this belongs to no file"))
                at += 1
                continue
            header = at
            at = at + 1
            body: list[str] = []
            while at < len(lines) and not _SECTION.match(lines[at]) and lines[at].strip() != _END:
                body.append(lines[at])
                at += 1
            change = _change(section["kind"], body)
            if isinstance(change, str):
                problems.append(Problem(header + 1, change))
            else:
                edits.append(Edit(len(edits) + 1, section["path"].removeprefix("./"), change))
        if at == len(lines):
            problems.append(
                Problem(begin + 1, f"the reply ends inside the patch, before its {_END}")
            )
        at = min(at + 1, len(lines))
        spans.append((begin, at))
    return Found(tuple(edits), tuple(problems), tuple(spans))


def _change(kind: str, body: list[str]) -> Change | str:
    """What a section asks for, or what is wrong with it."""
    while body and not body[-1].strip():
        body.pop()
    if kind == "Delete":
        return Delete() if not body else "a file to delete has no lines below it"
    if kind == "Add":
        if any(line[:1] != "+" for line in body):
            return "each line of a new file begins with +"
        return Replace((((), tuple(line[1:] for line in body)),))
    if body and body[0].startswith(_MOVE):
        return "moving a file is not supported: delete it, and add the new one"
    hunks: list[Replace] = []
    anchors: list[str] = []
    lines: list[str] = []
    for line in [*body, "@@"]:
        if line.startswith("@@"):
            if lines:
                hunks.append(_hunk(lines, anchors))
                anchors = []
                lines = []
            if heading := line.strip("@ "):
                anchors.append(heading)
        elif line[:1] in ("", " ", "+", "-"):
            lines.append(line)
        elif line.strip() != _LAST:
            return f"a line begins with none of space, + and -: {line[:80]!r}"
    return Hunks(tuple(hunks)) if hunks else "the file has no hunks"


def _hunk(lines: list[str], anchors: list[str]) -> Replace:
    search = tuple(line[1:] for line in lines if line[:1] != "+")
    replace = tuple(line[1:] for line in lines if line[:1] != "-")
    return Replace(((search, replace),), None, tuple(anchors))
