"""Show files and diffs to the model; what is left out is counted."""

import difflib

from prompts.filters import clip, code, fenced
from repository.edits.model import EditFailed
from stages.propose_patch.agent.messages import MAX_OBSERVATION

#: Characters of one line that are shown.
MAX_WIDTH = 2_000


def show_lines(path: str, text: str, view_range: tuple[int, int] | None) -> str:
    """Return lines of a file with their numbers, and say what is not shown.

    Raises:
        EditFailed: the file has no such lines.
    """
    lines = text.removesuffix("\n").split("\n") if text else []
    if not lines:
        return f"{code(path)} is empty."
    first, last = _lines_to_show(path, len(lines), view_range)
    shown = _number_lines(lines, first, last)
    last = first + len(shown) - 1
    heading = f"{code(path)}, lines {first} to {last} of {len(lines)}"
    if len(shown) < len(lines):
        heading += " (use view_range for others)"
    body = "\n".join(shown)
    return f"{heading}:\n\n{fenced(body)}"


def show_diff(path: str, before: str, after: str) -> str:
    """Return a unified diff of one file in a fence."""
    old = before.splitlines(keepends=True)
    new = after.splitlines(keepends=True)
    diff = ""
    for line in difflib.unified_diff(old, new, path, path):
        diff += line if line.endswith("\n") else f"{line}\n"
    if not diff:
        return "The text is the same as before."
    return fenced(clip(diff, MAX_OBSERVATION))


def _lines_to_show(path: str, count: int, view_range: tuple[int, int] | None) -> tuple[int, int]:
    """Return the numbers of the first and the last line to show."""
    if view_range is None:
        return 1, count
    first, last = view_range
    first = max(first, 1)
    last = count if last == -1 else min(last, count)
    if first > last:
        raise EditFailed(f"{code(path)} has {count} lines; there are no lines {first} to {last}")
    return first, last


def _number_lines(lines: list[str], first: int, last: int) -> list[str]:
    """Return lines with their numbers, as many as fit into one observation."""
    numbered: list[str] = []
    size = 0
    for number in range(first, last + 1):
        line = f"{number:6}\t{_clip_line(lines[number - 1])}"
        size += len(line) + 1
        if size > MAX_OBSERVATION:
            break
        numbered.append(line)
    return numbered


def _clip_line(line: str) -> str:
    more = len(line) - MAX_WIDTH
    if more <= 0:
        return line
    return f"{line[:MAX_WIDTH]}[... {more} characters of this line left out ...]"
