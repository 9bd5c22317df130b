"""Match paths against the patterns of JavaScript's tools, in a time that no pattern can exceed."""

import re
from fnmatch import fnmatchcase

_BRACES = re.compile(r"\{([^{}]*)\}")
_MAX_CHARS = 300
_MAX_ALTERNATIVES = 50


def path_matches(path: str, pattern: str) -> bool:
    """Whether a path matches a pattern such as ``test/**/*.{js,ts}``.

    ``*`` stays within one folder; ``**`` stands for any number of folders.
    """
    segments = path.split("/")
    return any(_matches(segments, one) for one in _expand_braces(pattern[:_MAX_CHARS]))


def _matches(segments: list[str], pattern: str) -> bool:
    positions = {0}
    """Numbers of segments that the parts so far can match."""
    for part in pattern.split("/"):
        if part == "**":
            positions = set(range(min(positions), len(segments) + 1))
        else:
            positions = {
                position + 1
                for position in positions
                if position < len(segments) and fnmatchcase(segments[position], part)
            }
        if not positions:
            return False
    return len(segments) in positions


def _expand_braces(pattern: str) -> list[str]:
    """Return the pattern's alternatives; of very many, the first."""
    expanded: list[str] = []
    waiting = [pattern]
    while waiting and len(expanded) < _MAX_ALTERNATIVES:
        text = waiting.pop()
        braces = _BRACES.search(text)
        if braces is None:
            expanded.append(text)
            continue
        for alternative in reversed(braces[1].split(",")):
            waiting.append(f"{text[: braces.start()]}{alternative}{text[braces.end() :]}")
    return expanded
