"""The search terms and names in an issue, by which files are ranked."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

MAX_WORD = 80
"""Characters; a longer word is taken for data."""
_MAX_ISSUE_CHARACTERS = 100_000
_MIN_IDENTIFIER = 4

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORD_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PATH = re.compile(r"(?<![\w.~-])[\w.~-]*(?:/[\w.~-]+)+|(?<![\w-])[\w-]+\.[A-Za-z]\w{0,5}\b")
_BESIDE_PATH = 40
"""Characters before and after a path in which a line's number is looked for."""
_LINE_AFTER_PATH = re.compile(
    r"[`'\"*]{0,3}(?::|#L|,?\s\(?(?:(?:on|at|in|near)\s)?lines?\s)\s?L?([1-9]\d{0,6})\b"
)
_LINE_BEFORE_PATH = re.compile(
    r"\blines?\s([1-9]\d{0,6})(?:\s?-\s?\d+)?\s(?:of|in)\s[`'\"*]{0,3}\Z"
)
_WINDOWS_SEPARATOR = re.compile(r"(?<=[\w.:])\\(?=\w)")
_DOTTED_NAME = re.compile(r"\b[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_TRACEBACK_FRAME = re.compile(r'File "([^"\n]{1,300})", line \d+')
_IDENTIFIER_MARK = re.compile(r"_|[a-z][A-Z]|[A-Z].*[a-z].*[A-Z]|^[A-Z][a-z]{3,}")
"""Distinguishes identifiers from words of prose."""


@dataclass(frozen=True)
class Query:
    """The search terms and names in an issue."""

    weights: Mapping[str, float]
    """Term -> weight: a term that occurs n times in the issue has the weight 1 + ln n."""
    paths: tuple[str, ...]
    """Paths as written; some do not exist in the repository."""
    frames: tuple[str, ...]
    """Files of tracebacks, outermost first."""
    modules: tuple[str, ...]
    """Dotted names."""
    identifiers: frozenset[str]
    lines: Mapping[str, frozenset[int]]
    """Path as written -> numbers of its lines that the issue names."""

    @classmethod
    def from_issue(cls, title: str, text: str) -> "Query":
        """Read an issue. ``text`` includes the title, so that the title's words count twice."""
        text = text[:_MAX_ISSUE_CHARACTERS]
        frames = _TRACEBACK_FRAME.findall(text)
        with_slashes = _WINDOWS_SEPARATOR.sub("/", text)
        written_paths = _PATH.findall(with_slashes) + frames
        paths = dict.fromkeys(map(_normalize, written_paths))
        modules = dict.fromkeys(_DOTTED_NAME.findall(text))
        identifiers = filter(_is_identifier, WORD.findall(text))
        return cls(
            weights=_weigh_terms(f"{title}\n{text}"),
            paths=tuple(paths),
            frames=tuple(frames),
            modules=tuple(modules),
            identifiers=frozenset(identifiers),
            lines=_named_lines(with_slashes),
        )


def terms_of(word: str) -> tuple[str, ...]:
    """Return an identifier and its parts at underscores and capitals, in lower case."""
    parts = []
    for part in _WORD_PART.findall(word):
        if len(part) > 1:
            parts.append(part.lower())
    whole = word.lower().strip("_")
    if parts == [whole] or len(whole) <= 1:
        return tuple(parts)
    return (whole, *parts)


def _normalize(path: str) -> str:
    """Return a path without ``./`` before it and the full stop of a sentence after it."""
    return path.removeprefix("./").rstrip(".")


def _named_lines(text: str) -> dict[str, frozenset[int]]:
    """Return path as written -> the lines that are named beside it."""
    lines: dict[str, frozenset[int]] = {}
    for match in _PATH.finditer(text):
        before = text[max(0, match.start() - _BESIDE_PATH) : match.start()]
        after = text[match.end() : match.end() + _BESIDE_PATH]
        number = _LINE_BEFORE_PATH.search(before) or _LINE_AFTER_PATH.match(after)
        if number is not None:
            path = _normalize(match[0])
            lines[path] = lines.get(path, frozenset()) | {int(number[1])}
    return lines


def _weigh_terms(text: str) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for word in WORD.findall(text):
        if len(word) <= MAX_WORD:
            counts.update(terms_of(word))
    weights = {}
    for term, count in counts.items():
        weights[term] = 1 + math.log(count)
    return weights


def _is_identifier(word: str) -> bool:
    if not _MIN_IDENTIFIER <= len(word) <= MAX_WORD:
        return False
    return _IDENTIFIER_MARK.search(word) is not None
