"""Score documents for a query with Okapi BM25.

After Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009. Only the query's terms
are counted, so that ranking a large repository takes seconds.
"""

import math
from collections import Counter
from dataclasses import dataclass

from repository.context.query import MAX_WORD, WORD, Query, terms_of

_K1 = 1.2
_B = 0.75


@dataclass(frozen=True)
class _SplitWord:
    number_of_terms: int
    query_terms: list[str]


@dataclass(frozen=True)
class _Document:
    length: int
    """Number of terms, including those that are not in the query."""
    counts: Counter[str]
    """Term of the query -> number of occurrences."""


class DocumentTerms:
    """The documents' lengths and the frequency of each query term in them."""

    def __init__(self, query: Query):
        self._weights = query.weights
        self._documents: dict[str, _Document] = {}
        self._split_words: dict[str, _SplitWord] = {}

    def add(self, name: str, text: str) -> None:
        counts: Counter[str] = Counter()
        length = 0
        words = Counter(WORD.findall(text))
        for word, occurrences in words.items():
            if len(word) > MAX_WORD:
                continue
            split_word = self._split(word)
            length += occurrences * split_word.number_of_terms
            for term in split_word.query_terms:
                counts[term] += occurrences
        self._documents[name] = _Document(length, counts)

    def terms_in(self, name: str) -> list[str]:
        """Return the query's terms that occur in a document."""
        return list(self._documents[name].counts)

    def scores(self) -> dict[str, float]:
        """Return document -> BM25 score; 0 if no term of the query occurs."""
        term_scores = self._term_scores()
        average_length = self._average_length()
        scores: dict[str, float] = {}
        for name, document in self._documents.items():
            length_penalty = 1 - _B + _B * document.length / average_length
            saturation = _K1 * length_penalty
            score = 0.0
            for term, count in document.counts.items():
                score += term_scores[term] * count / (count + saturation)
            scores[name] = score
        return scores

    def _average_length(self) -> float:
        total = 0
        for document in self._documents.values():
            total += document.length
        if total == 0:
            return 1.0
        return total / len(self._documents)

    def _term_scores(self) -> dict[str, float]:
        """Return term -> its maximum score: its weight times its inverse document frequency."""
        frequencies: Counter[str] = Counter()
        for document in self._documents.values():
            frequencies.update(document.counts.keys())
        total = len(self._documents)
        scores: dict[str, float] = {}
        for term, frequency in frequencies.items():
            odds = (total - frequency + 0.5) / (frequency + 0.5)
            rarity = math.log(1 + odds)
            scores[term] = self._weights[term] * rarity * (_K1 + 1)
        return scores

    def _split(self, word: str) -> _SplitWord:
        known = self._split_words.get(word)
        if known is not None:
            return known
        terms = terms_of(word)
        query_terms = [term for term in terms if term in self._weights]
        split_word = _SplitWord(len(terms), query_terms)
        self._split_words[word] = split_word
        return split_word
