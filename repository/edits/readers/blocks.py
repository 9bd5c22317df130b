"""Search/replace blocks, fenced or not:

path/of/file.py
<<<<<<< SEARCH
lines as they are
=======
lines as they shall be
>>>>>>> REPLACE
"""

import re

from repository.edits.model import MAX_EDITS, Edit, Found, Problem, Replace
from repository.edits.readers.naming import CODE_FENCE, FENCE, as_path, path_before

_OPEN = re.compile(
    r"^(?P<indent>[ \t]*)(?P<mark><{5,9}|-{5,9}) ?(?:SEARCH|ORIGINAL)\b>?[ \t]*(?P<path>.*)$"
)
_DIVIDER = re.compile(r"^={5,9}\s*$")
_CLOSE = re.compile(r"^[>+]{5,9} ?(?:REPLACE|UPDATED)\b.*$")
_DIVIDERS = 6
"""So many lines of a block may be its divider."""
_PROBLEMS = 20
"""So many are enough to tell."""


def is_divider(line: str) -> bool:
    return _DIVIDER.match(line) is not None


def read(lines: list[str]) -> Found:
    edits: list[Edit] = []
    problems: list[Problem] = []
    spans: list[tuple[int, int]] = []
    path: str | None = None
    at = after_last = 0
    while at < len(lines) and len(problems) < _PROBLEMS and len(edits) <= MAX_EDITS:
        opened = _OPEN.match(lines[at])
        if opened is None:
            if _CLOSE.match(lines[at]) and not _alone(lines, at):
                problems.append(
                    Problem(at + 1, "it ends a block (>>>>>>> REPLACE) where none is open")
                )
            at += 1
            continue
        number = len(edits) + 1
        opening = at
        named, header = path_before(lines, at, after_last)
        path = as_path(opened["path"]) or named or path
        if header > after_last and FENCE.match(lines[header - 1]):
            header -= 1
        body, at = _body(lines, at, opened["indent"])
        if body is None:
            problems.append(
                Problem(
                    opening + 1,
                    (
                        f"block {number} has no >>>>>>> REPLACE before the next one begins"
                        if at < len(lines)
                        else f"the reply ends inside block {number}"
                    ),
                )
            )
            continue
        after_last = at = at + 1 if at < len(lines) and FENCE.match(lines[at]) else at
        dividers = [n for n, line in enumerate(body) if _DIVIDER.match(line)]
        dividers = [n for n in dividers if len(body[n].rstrip()) == len(opened["mark"])] or dividers
        spans.append((header, at))
        if path is None:
            told = f"block {number} names no file: write its path on the line before <<<<<<< SEARCH"
            problems.append(Problem(opening + 1, told))
        elif not dividers:
            told = (
                f"block {number} ({path[:200]}) has no ======= line between its SEARCH and REPLACE"
            )
            problems.append(Problem(opening + 1, told))
        else:
            # A heading's underline looks like a divider. The longest search first: to match more is
            # no accident.
            readings = [
                (tuple(body[:n]), tuple(body[n + 1 :])) for n in reversed(dividers[-_DIVIDERS:])
            ]
            edits.append(Edit(number, path, Replace(tuple(readings))))
    return Found(tuple(edits), tuple(problems), tuple(spans))


def _alone(lines: list[str], at: int) -> bool:
    """In a fence with nothing else: the format is explained, nothing is edited."""
    return 0 < at < len(lines) - 1 and bool(
        CODE_FENCE.match(lines[at - 1]) and CODE_FENCE.match(lines[at + 1])
    )


def _body(lines: list[str], opening: int, indent: str) -> tuple[list[str] | None, int]:
    """The lines of a block (None: it has no end), and where the reply goes on. A block indented as a whole (in a list)
    is moved back."""
    body: list[str] = []
    end = len(lines)
    for at in range(opening + 1, len(lines)):
        bare = lines[at].removeprefix(indent)
        if lines[at].startswith(indent) and _CLOSE.match(bare):
            whole = all(
                line.startswith(indent) or not line.strip() or is_divider(line) for line in body
            )
            return [line.removeprefix(indent) for line in body] if whole else body, at + 1
        if lines[at].startswith(indent) and _OPEN.match(bare) and not bare[0].isspace():
            end = at
            break
        body.append(bare if is_divider(bare) else lines[at])
    return _fenced(lines, opening, end, body)


def _fenced(
    lines: list[str], opening: int, end: int, body: list[str]
) -> tuple[list[str] | None, int]:
    """A block without its last mark ends where the fence around it does, if that is beyond doubt."""
    above = next(
        (lines[at] for at in range(opening - 1, max(opening - 4, -1), -1) if lines[at].strip()), ""
    )
    fence = CODE_FENCE.match(above)
    if fence is None and opening > 1 and as_path(above):
        fence = CODE_FENCE.match(lines[opening - 2])
    if fence is None:
        return None, end
    closings = [at for at, line in enumerate(body) if line.strip().startswith(fence["mark"][:3])]
    divider = next((at for at, line in enumerate(body) if is_divider(line)), None)
    if (
        not closings
        or divider is None
        or closings[0] < divider
        or body[closings[0]].strip() != fence["mark"]
    ):
        return None, end
    if len(closings) > 1 and end == len(lines):
        return None, end
    return body[: closings[0]], opening + 1 + closings[0]
