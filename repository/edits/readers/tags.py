"""Pairs in tags: ``<file>path</file>``, then ``<original>`` and ``<patched>``, or other words for
the same.
"""

import re
from bisect import bisect_left, bisect_right

from repository.edits.model import Edit, Found, Lines, Problem, Replace

_OLD = ("original", "search", "old", "before", "find", "old_code", "old_str", "old_string")
_NEW = ("patched", "replace", "new", "after", "replacement", "new_code", "new_str", "new_string")
_PATH = ("file", "path", "filename", "file_path", "filepath")
_TAG = re.compile(rf"<(/?)({'|'.join(sorted((*_OLD, *_NEW, *_PATH), key=len, reverse=True))})>")


def read(lines: list[str]) -> Found:
    text = "\n".join(lines)
    starts = [0]
    for one in lines:
        starts.append(starts[-1] + len(one) + 1)
    ends = _ends(text)
    edits: list[Edit] = []
    problems: list[Problem] = []
    spans: list[tuple[int, int]] = []
    path: str | None = None
    old: tuple[int, str] | None = None
    begin: int | None = None
    at = 0
    while tag := _TAG.search(text, at):
        at = tag.end()
        line = bisect_right(starts, tag.start())
        name = tag[2]
        if tag[1]:
            continue
        closings = ends.get(name, [])
        after = bisect_left(closings, at)
        if after == len(closings):
            if name in _OLD[:1] + _NEW[:1] or (old is not None and name in _NEW):
                problems.append(Problem(line, f"<{name}> has no </{name}>"))
            continue
        end = closings[after]
        content = text[at:end]
        if name in _PATH:
            if "\n" not in content.strip():
                path = content.strip().removeprefix("./")
                begin = line - 1
                at = end
        elif name in _OLD:
            if old is not None and old[1] != content:
                problems.append(Problem(old[0], "an original without its patched text"))
            old = (line, content)
            begin = line - 1 if begin is None else begin
            at = end
        elif old is not None:
            at = end
            number = len(edits) + 1
            last = bisect_right(starts, end)
            spans.append((line - 1 if begin is None else begin, last))
            begin = None
            if path is None:
                problems.append(
                    Problem(
                        line, f"pair {number} names no file: write <file>its path</file> before it"
                    )
                )
            else:
                edits.append(Edit(number, path, Replace(((_lines(old[1]), _lines(content)),))))
            old = None
        elif name == _NEW[0]:
            problems.append(Problem(line, f"<{name}> without an <{_OLD[0]}> before it"))
            at = end
    if old is not None and (edits or "patched" in text):
        problems.append(Problem(old[0], "an original without its patched text"))
    return Found(tuple(edits), tuple(problems), tuple(spans))


def _ends(text: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for tag in _TAG.finditer(text):
        if tag[1]:
            found.setdefault(tag[2], []).append(tag.start())
    return found


def _lines(content: str) -> Lines:
    """Line ends and blank lines next to the tags belong to the tags."""
    lines = content.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    begin = next((at for at, line in enumerate(lines) if line.strip()), 0)
    return tuple(lines[begin:])
