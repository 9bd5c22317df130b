"""Rank a repository's files for an issue: BM25 over paths and contents, times what the issue names
outright.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from repository.context.bm25 import DocumentTerms
from repository.context.mentions import find_boosts
from repository.context.query import Query
from repository.context.sources import SourceFile
from repository.definitions import defined_names
from repository.files import Kind

_KIND_WEIGHTS = {Kind.SOURCE: 1.0, Kind.TEST: 1.0, Kind.OTHER: 0.5, Kind.DOCS: 0.4}
_WORDS_IN_REASON = 4


@dataclass(frozen=True)
class RankedFile:
    path: str
    kind: Kind
    score: float
    reason: str


def rank(files: Iterable[SourceFile], query: Query) -> list[RankedFile]:
    """Return all files related to the issue, likeliest first; the same order for the same input."""
    documents = DocumentTerms(query)
    kinds: dict[str, Kind] = {}
    definitions: dict[str, list[str]] = defaultdict(list)
    for file in files:
        documents.add(file.path, f"{file.path}\n{file.text}")
        kinds[file.path] = file.kind
        if file.kind is not Kind.DOCS:
            for name in query.identifiers & defined_names(file.text):
                definitions[name].append(file.path)

    scores = documents.scores()
    reasons: dict[str, list[str]] = defaultdict(list)
    for boost in find_boosts(query, kinds, definitions):
        scores[boost.path] *= boost.factor
        reasons[boost.path].append(boost.reason)

    ranked = []
    for path, score in scores.items():
        if score > 0:
            kind = kinds[path]
            reason = _reason(reasons[path], documents.terms_in(path))
            ranked.append(RankedFile(path, kind, score * _KIND_WEIGHTS[kind], reason))
    return sorted(ranked, key=lambda file: (-file.score, file.path))


def _reason(boosts: Sequence[str], terms: Iterable[str]) -> str:
    longest_terms = sorted(terms, key=lambda term: (-len(term), term))[:_WORDS_IN_REASON]
    return "; ".join([*boosts, f"words: {', '.join(longest_terms)}"])
