"""Patterns of repositories in settings: ``owner/*``, ``owner/name``, or ``*`` for all."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

_PATTERN = re.compile(r"[^/\s]+/[^/\s]+|\*")


def check_pattern(pattern: str) -> str:
    """Return the pattern. Raises ValueError if it is none."""
    if not _PATTERN.fullmatch(pattern):
        raise ValueError(f"{pattern!r} is neither owner/*, owner/name nor *")
    return pattern


def matches_any(repository: str, patterns: Iterable[str]) -> bool:
    """Return whether one of the patterns matches; ``repository`` is in lower case."""
    return any(pattern == "*" or fnmatchcase(repository, pattern.lower()) for pattern in patterns)
