"""Whether a change may write a path by default; see ``protected_groups``."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from repository.files import Kind, kind_of
from repository.protected_groups import GROUPS, SECRET_DATA, SECRETS, Group


@dataclass(frozen=True)
class Protection:
    """Why a path is protected."""

    group: Group
    rule: str
    """The pattern or the property of the content that matched."""


def protection_of(path: str) -> Protection | None:
    """Return the first group that a path is in; None if it is not protected by its name."""
    for group in GROUPS:
        rule = _rule_of(group, path)
        if rule is not None:
            return Protection(group, rule)
    return None


def matches_name(path: str, patterns: tuple[str, ...]) -> bool:
    """Return whether one of the patterns matches a path."""
    return _compiled(patterns).search(path) is not None


def is_secret(path: str) -> bool:
    """Return whether a file usually holds secrets, judging by its name."""
    return any(_rule_of(group, path) for group in (SECRETS, SECRET_DATA))


def _rule_of(group: Group, path: str) -> str | None:
    """Return the group's pattern that matches a path and to which there is no exception."""
    if not _compiled(group.patterns).search(path):
        return None
    if group.exceptions and _compiled(group.exceptions).search(path):
        return None
    if group.spares_code and kind_of(path) in (Kind.SOURCE, Kind.TEST):
        return None
    for pattern in group.patterns:
        if _compiled((pattern,)).search(path):
            return pattern
    return None


@cache
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    alternatives = "|".join(_expressions(patterns))
    return re.compile(rf"(?:^|/)(?:{alternatives})", re.I)


def _expressions(patterns: Iterable[str]) -> list[str]:
    expressions: list[str] = []
    for pattern in patterns:
        end = "" if pattern.endswith("/") else r"\Z"
        text = re.escape(pattern).replace(r"\*", "[^/]*").replace(r"\[_\-\]", "[_-]")
        expressions.append(text + end)
    return expressions
