"""Read the lines of a search/replace block, from its opening mark to its end."""

import re

from repository.edits.readers.naming import CODE_FENCE, as_path
from repository.edits.readers.reading import Cursor

OPEN = re.compile(
    r"^(?P<indent>[ \t]*)(?P<mark><{5,9}|-{5,9}) ?(?:SEARCH|ORIGINAL)\b>?[ \t]*(?P<path>.*)$"
)
_DIVIDER = re.compile(r"^={5,9}\s*$")
CLOSE = re.compile(r"^[>+]{5,9} ?(?:REPLACE|UPDATED)\b.*$")
_FENCE_DISTANCE = 3
"""Number of lines above a block that are searched for the fence around it."""


def is_divider(line: str) -> bool:
    """Return whether a line looks like the one between SEARCH and REPLACE."""
    return _DIVIDER.match(line) is not None


def find_dividers(body: list[str], mark: int) -> list[int]:
    """Return the lines that may be the divider, preferring those as long as the opening mark."""
    dividers = [at for at, line in enumerate(body) if is_divider(line)]
    matching = [at for at in dividers if len(body[at].rstrip()) == mark]
    return matching or dividers


def read_body(cursor: Cursor, indent: str) -> list[str] | None:
    """Read the lines of a block, and move the cursor from its opening mark past its closing one.

    Return None if the block has no end; the cursor is then where reading continues. A block that is
    indented as a whole (in a list, say) is dedented.
    """
    opening = cursor.at
    body: list[str] = []
    cursor.advance()
    while not cursor.at_end:
        line = cursor.line
        bare = line.removeprefix(indent)
        is_indented = line.startswith(indent)
        if is_indented and CLOSE.match(bare):
            cursor.advance()
            return _dedent(body, indent)
        opening_mark = OPEN.match(bare) if is_indented else None
        if opening_mark and not opening_mark["indent"]:
            break
        body.append(bare if is_divider(bare) else line)
        cursor.advance()
    return _read_fenced_body(cursor, opening, body)


def _dedent(body: list[str], indent: str) -> list[str]:
    for line in body:
        if line.strip() and not line.startswith(indent) and not is_divider(line):
            return body
    return [line.removeprefix(indent) for line in body]


def _read_fenced_body(cursor: Cursor, opening: int, body: list[str]) -> list[str] | None:
    """End a block that lacks a closing mark at the end of its fence, if that is unambiguous."""
    fence = _fence_above(cursor, opening)
    if fence is None:
        return None
    dividers: list[int] = []
    closings: list[int] = []
    for at, line in enumerate(body):
        if is_divider(line):
            dividers.append(at)
        if line.strip().startswith(fence[:3]):
            closings.append(at)
    if not closings or not dividers:
        return None
    end = closings[0]
    if end < dividers[0] or body[end].strip() != fence:
        return None
    if len(closings) > 1 and cursor.at_end:
        return None
    cursor.at = opening + 1 + end
    return body[:end]


def _fence_above(cursor: Cursor, opening: int) -> str | None:
    """Return the mark of the fence that opens directly above a block or above the block's path."""
    first = max(opening - _FENCE_DISTANCE, 0)
    non_blank = [line for line in cursor.lines[first:opening] if line.strip()]
    above = non_blank[-1] if non_blank else ""
    fence = CODE_FENCE.match(above)
    if fence is None and opening > 1 and as_path(above):
        fence = CODE_FENCE.match(cursor.lines[opening - 2])
    return fence["mark"] if fence else None
