"""Rank a repository's files for an issue: BM25 over paths and contents, times what the issue names
outright.

BM25 is Okapi's (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009). Only the
issue's own words are counted, so that a large repository takes seconds."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from repository.context.sources import SourceFile
from repository.definitions import defined_names
from repository.files import Kind

_K1 = 1.2
_B = 0.75
_NAMED_PATH = 2.2
_NAMED_FILE = 1.6
_NAMED_MODULE = 1.4
_DEFINES = 1.15
_DEFINES_AT_MOST = 1.45
_LAST_FRAME = 1.3
"""The traceback's last frame in the repository, beside being named."""
_KIND_WEIGHT = {Kind.SOURCE: 1.0, Kind.TEST: 1.0, Kind.OTHER: 0.5, Kind.DOCS: 0.4}
_COMMON = 5
"""A base name or definition that more files share names none of them."""
_MAX_ISSUE_CHARACTERS = 100_000
_MAX_WORD = 80
"""Longer ones are data."""

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PATH = re.compile(r"(?<![\w.~-])[\w.~-]*(?:/[\w.~-]+)+|(?<![\w-])[\w-]+\.[A-Za-z]\w{0,5}\b")
_DOTTED = re.compile(r"\b[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_FRAME = re.compile(r'File "([^"\n]{1,300})", line \d+')
_TELLING = re.compile(r"_|[a-z][A-Z]|[A-Z].*[a-z].*[A-Z]|^[A-Z][a-z]{3,}")
"""An identifier, not a word of prose."""


@dataclass(frozen=True)
class Ranked:
    path: str
    kind: Kind
    score: float
    why: str


@dataclass(frozen=True)
class Query:
    """What an issue asks for."""

    weights: dict[str, float]
    """term -> weight: a word n times in the issue weighs 1 + ln n"""
    paths: tuple[str, ...]
    """As written; some are no path of the repository."""
    frames: tuple[str, ...]
    """Files of tracebacks, outermost first."""
    modules: tuple[str, ...]
    identifiers: frozenset[str]

    @classmethod
    def of(cls, title: str, text: str) -> "Query":
        """``text`` holds the title too, which so counts twice."""
        text = text[:_MAX_ISSUE_CHARACTERS]
        counted: Counter[str] = Counter()
        for word in _WORD.findall(f"{title}\n{text}"):
            if len(word) <= _MAX_WORD:
                counted.update(terms(word))
        weights = {term: 1 + math.log(n) for term, n in counted.items()}
        frames = tuple(_FRAME.findall(text))
        paths = tuple(
            dict.fromkeys(path.removeprefix("./") for path in (*_PATH.findall(text), *frames))
        )
        identifiers = frozenset(
            word
            for word in _WORD.findall(text)
            if 3 < len(word) <= _MAX_WORD and _TELLING.search(word)
        )
        return cls(weights, paths, frames, tuple(dict.fromkeys(_DOTTED.findall(text))), identifiers)


def terms(word: str) -> tuple[str, ...]:
    """An identifier whole and split at underscores and capitals, in lower case."""
    parts = [part.lower() for part in _PARTS.findall(word) if len(part) > 1]
    whole = word.lower().strip("_")
    return tuple(parts) if parts == [whole] else (*([whole] if len(whole) > 1 else []), *parts)


class Counts:
    """How often each of the query's terms occurs in each document, and how long the document is."""

    def __init__(self, query: Query):
        self._weights = query.weights
        self._known: dict[str, tuple[int, tuple[str, ...]]] = {}
        self.terms: dict[str, Counter[str]] = {}
        self._lengths: dict[str, int] = {}

    def add(self, document: str, text: str) -> None:
        counted: Counter[str] = Counter()
        length = 0
        for word, n in Counter(_WORD.findall(text)).items():
            if len(word) > _MAX_WORD:
                continue
            known = self._known.get(word)
            if known is None:
                split = terms(word)
                known = self._known[word] = (
                    len(split),
                    tuple(term for term in split if term in self._weights),
                )
            length += n * known[0]
            for term in known[1]:
                counted[term] += n
        self.terms[document] = counted
        self._lengths[document] = length

    def scores(self) -> dict[str, float]:
        """BM25 of every document added."""
        holding: Counter[str] = Counter()
        for counted in self.terms.values():
            holding.update(counted.keys())
        total = len(self.terms)
        average = sum(self._lengths.values()) / max(total, 1) or 1.0
        worth = {
            term: self._weights[term] * math.log(1 + (total - n + 0.5) / (n + 0.5)) * (_K1 + 1)
            for term, n in holding.items()
        }
        scores = {}
        for document, counted in self.terms.items():
            damped = _K1 * (1 - _B + _B * self._lengths[document] / average)
            scores[document] = sum(worth[term] * n / (n + damped) for term, n in counted.items())
        return scores


def rank(files: Iterable[SourceFile], query: Query) -> list[Ranked]:
    """All files that have to do with the issue, likeliest first; the same order for the same input."""
    counts = Counts(query)
    kinds: dict[str, Kind] = {}
    definitions: dict[str, list[str]] = defaultdict(list)
    for file in files:
        counts.add(file.path, f"{file.path}\n{file.text}")
        kinds[file.path] = file.kind
        if file.kind is not Kind.DOCS:
            for name in query.identifiers & defined_names(file.text):
                definitions[name].append(file.path)
    scores = counts.scores()
    reasons: dict[str, list[str]] = defaultdict(list)
    for path, factor, why in _boosts(query, list(kinds), definitions):
        scores[path] *= factor
        reasons[path].append(why)
    ranked = []
    for path, score in scores.items():
        if score > 0:
            words = sorted(counts.terms[path], key=lambda term: (-len(term), term))[:4]
            why = "; ".join([*reasons[path], f"words: {', '.join(words)}"])
            ranked.append(Ranked(path, kinds[path], score * _KIND_WEIGHT[kinds[path]], why))
    return sorted(ranked, key=lambda item: (-item.score, item.path))


def _boosts(
    query: Query, paths: list[str], definitions: dict[str, list[str]]
) -> Iterator[tuple[str, float, str]]:
    """(path, factor, why), each path at most once for what is named, and at most once for what it
    defines.
    """
    by_name: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        by_name[path.rsplit("/", 1)[-1]].append(path)
    named: dict[str, tuple[float, str]] = {}
    for written in query.paths:
        for path, factor in _resolve(written, by_name):
            named[path] = max(named.get(path, (1.0, "")), (factor, "named in the issue"))
    for written in query.modules:
        for path in _module(written, by_name):
            named[path] = max(
                named.get(path, (1.0, "")), (_NAMED_MODULE, "its module is named in the issue")
            )
    frames = [path for frame in query.frames for path, _ in _resolve(frame, by_name)]
    for path, (factor, why) in named.items():
        yield path, factor, "in the traceback" if path in frames else why
    if frames:
        yield frames[-1], _LAST_FRAME, "the traceback ends there"
    defined: dict[str, list[str]] = defaultdict(list)
    for name, where in definitions.items():
        for path in where if len(where) <= _COMMON else []:
            defined[path].append(name)
    for path, names in defined.items():
        yield (
            path,
            min(_DEFINES ** len(names), _DEFINES_AT_MOST),
            f"defines {', '.join(sorted(names)[:3])}",
        )


def _resolve(written: str, by_name: dict[str, list[str]]) -> list[tuple[str, float]]:
    """The files that a written path means: the longest common tail wins, as in an installed copy's
    traceback.
    """
    parts = [part for part in written.split("/") if part]
    candidates = by_name.get(parts[-1], []) if parts else []
    if not candidates:
        return []
    common = {path: _common_tail(path.split("/"), parts) for path in candidates}
    longest = max(common.values())
    best = [path for path in candidates if common[path] == longest]
    if len(best) > _COMMON:
        return []
    return [(path, _NAMED_PATH if longest > 1 else _NAMED_FILE) for path in best]


def _common_tail(one: list[str], other: list[str]) -> int:
    n = 0
    while n < min(len(one), len(other)) and one[-1 - n] == other[-1 - n]:
        n += 1
    return n


def _module(dotted: str, by_name: dict[str, list[str]]) -> list[str]:
    """The files that hold a dotted name, its last parts taken for attributes where no file is
    called so.
    """
    parts = dotted.split(".")
    for size in range(len(parts), 0, -1):
        head = parts[: size - 1]
        last = parts[size - 1]
        found = [
            path
            for name, above in (
                (f"{last}.py", head),
                (f"{last}.pyi", head),
                ("__init__.py", [*head, last]),
            )
            for path in by_name.get(name, [])
            if path.split("/")[:-1][len(path.split("/")) - 1 - len(above) :] == above
        ]
        if found:
            return found if len(found) <= _COMMON else []
    return []
