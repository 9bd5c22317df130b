"""The reader of whole files, each in a fence below its path. Used only if a reply has no other
edits.
"""

import re
from collections.abc import Collection, Sequence

from repository.edits.model import WriteFile
from repository.edits.omitted_code import begins_with_elision
from repository.edits.readers.headings import Paths
from repository.edits.readers.naming import CODE_FENCE, as_path, path_in_info
from repository.edits.readers.reading import Cursor, Reading

_MAX_SHOWN_PATH = 200
_MAX_SHOWN_LINE = 60


def read(lines: list[str], paths: Paths = None) -> Reading:
    """Read the fenced files of a reply; fences without a path are skipped."""
    cursor = Cursor(lines)
    reading = Reading()
    while not cursor.at_end:
        fence = CODE_FENCE.match(cursor.line)
        if fence is None:
            cursor.advance()
        else:
            _read_fence(cursor, reading, fence, paths)
    return reading


def _read_fence(cursor: Cursor, reading: Reading, fence: re.Match[str], paths: Paths) -> None:
    opening = cursor.at
    path, header = _path_of_fence(cursor.lines, opening, fence["info"], paths or ())
    cursor.advance()
    body = cursor.take_until(lambda line: line.strip() == fence["mark"])
    if cursor.at_end:
        if path:
            reading.add_problem(opening, f"the reply ends inside {path[:_MAX_SHOWN_PATH]}")
        return
    cursor.advance()
    if not path or not body:
        return
    reading.add_span(header, cursor.at)
    for at, line in enumerate(body):
        if begins_with_elision(line):
            excerpt = line.strip()[:_MAX_SHOWN_LINE]
            reading.add_problem(
                opening + 1 + at,
                f"{path[:_MAX_SHOWN_PATH]} is incomplete: lines are left out ({excerpt})",
            )
            return
    reading.add_edit(path, WriteFile(tuple(body), explicit=False))


def _path_of_fence(
    lines: Sequence[str], fence: int, info: str, known: Collection[str]
) -> tuple[str | None, int]:
    """Return a fence's path, and the line at which its header begins.

    The path follows the fence's language, or is on the line above the fence, perhaps with a blank
    line between them.
    """
    path = path_in_info(info, known)
    if path:
        return path, fence
    for at in range(fence - 1, max(fence - 3, -1), -1):
        if not lines[at].strip():
            continue
        path = as_path(lines[at], known)
        if path in known or (path and " " not in path):
            return path, at
        return None, fence
    return None, fence
