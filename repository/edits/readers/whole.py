"""Whole files, each in a fence under its path. Looked for only where a reply holds no other edits."""

import re

from repository.edits.model import Edit, Found, Problem, Whole
from repository.edits.readers.naming import CODE_FENCE, as_path

_ELIDED = re.compile(r"(?:(?:#|//|--|/\*|<!--|;)\s*)?(?:\.\.\.|…)")


def read(lines: list[str]) -> Found:
    edits: list[Edit] = []
    problems: list[Problem] = []
    spans: list[tuple[int, int]] = []
    at = 0
    while at < len(lines):
        fence = CODE_FENCE.match(lines[at])
        if fence is None:
            at += 1
            continue
        header, path = _named(lines, at, fence["info"])
        end = next(
            (n for n in range(at + 1, len(lines)) if lines[n].strip() == fence["mark"]), None
        )
        if end is None:
            if path:
                problems.append(Problem(at + 1, f"the reply ends inside {path[:200]}"))
            break
        if path and end > at + 1:
            body = tuple(lines[at + 1 : end])
            spans.append((header, end + 1))
            if elided := next(
                (n for n, line in enumerate(body) if _ELIDED.match(line.strip())), None
            ):
                told = (
                    f"{path[:200]} is not whole: lines are left out ({body[elided].strip()[:60]})"
                )
                problems.append(Problem(at + 2 + elided, told))
            else:
                edits.append(Edit(len(edits) + 1, path, Whole(body, sure=False)))
        at = end + 1
    return Found(tuple(edits), tuple(problems), tuple(spans))


def _named(lines: list[str], fence: int, info: str) -> tuple[int, str | None]:
    """The path on the line above the fence (a blank one between them at most), or behind the
    fence's language.
    """
    words = info.split()
    if words and (path := as_path(words[-1])) and "/" in path + "/" * ("." in path):
        return fence, path
    for at in range(fence - 1, max(fence - 3, -1), -1):
        if lines[at].strip():
            path = as_path(lines[at])
            return (at, path) if path and " " not in path else (fence, None)
    return fence, None
