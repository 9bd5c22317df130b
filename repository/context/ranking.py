"""Rank a repository's files for an issue by BM25 over paths and contents.

Files that the issue mentions are boosted.
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

_KIND_WEIGHTS = {
    Kind.SOURCE: 1.0,
    Kind.TEST: 1.0,
    Kind.OTHER: 0.5,
    Kind.DOCS: 0.4,
}
_WORDS_IN_REASON = 4


@dataclass(frozen=True)
class RankedFile:
    path: str
    kind: Kind
    score: float
    reason: str


def rank(files: Iterable[SourceFile], query: Query) -> list[RankedFile]:
    """Return all files related to the issue, likeliest first, in a deterministic order."""
    corpus = _read_corpus(files, query)
    scores = corpus.documents.scores()
    reasons: dict[str, list[str]] = defaultdict(list)
    for boost in find_boosts(query, corpus.kinds, corpus.definitions):
        scores[boost.path] *= boost.factor
        reasons[boost.path].append(boost.reason)

    ranked: list[RankedFile] = []
    for path, score in scores.items():
        if score <= 0 and path not in reasons:
            continue
        kind = corpus.kinds[path]
        ranked.append(
            RankedFile(
                path=path,
                kind=kind,
                score=score * _KIND_WEIGHTS[kind],
                reason=_join_reasons(reasons[path], corpus.documents.terms_in(path)),
            )
        )
    return sorted(ranked, key=lambda file: (-file.score, file.path))


@dataclass(frozen=True)
class _Corpus:
    documents: DocumentTerms
    kinds: dict[str, Kind]
    """Path -> kind of the file."""
    definitions: dict[str, list[str]]
    """Identifier in the query -> paths of the files that define it."""


def _read_corpus(files: Iterable[SourceFile], query: Query) -> _Corpus:
    corpus = _Corpus(
        documents=DocumentTerms(query),
        kinds={},
        definitions=defaultdict(list),
    )
    for file in files:
        corpus.documents.add(file.path, f"{file.path}\n{file.text}")
        corpus.kinds[file.path] = file.kind
        if file.kind is Kind.DOCS:
            continue
        for name in query.identifiers & defined_names(file.text):
            corpus.definitions[name].append(file.path)
    return corpus


def _join_reasons(boosts: Sequence[str], terms: Iterable[str]) -> str:
    longest_first = sorted(terms, key=lambda term: (-len(term), term))
    words = ", ".join(longest_first[:_WORDS_IN_REASON])
    return "; ".join([*boosts, f"words: {words}"])
