"""Score documents for a query by BM25.

This is Okapi's BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009). Only the
query's own terms are counted, so that a large repository takes seconds.
"""

import math
from collections import Counter
from collections.abc import Mapping

from repository.context.query import MAX_WORD, WORD, Query, terms_of

_K1 = 1.2
_B = 0.75


class DocumentTerms:
    """How often each of the query's terms occurs in each document, and how long it is."""

    def __init__(self, query: Query):
        self._weights = query.weights
        self._lengths: dict[str, int] = {}
        """document -> terms in it, those outside of the query too"""
        self._counts: dict[str, Counter[str]] = {}
        self._split_words: dict[str, tuple[int, list[str]]] = {}
        """word -> number of its terms, and those that are in the query"""

    def add(self, document: str, text: str) -> None:
        counts: Counter[str] = Counter()
        length = 0
        for word, occurrences in Counter(WORD.findall(text)).items():
            if len(word) > MAX_WORD:
                continue
            number_of_terms, query_terms = self._split(word)
            length += occurrences * number_of_terms
            for term in query_terms:
                counts[term] += occurrences
        self._counts[document] = counts
        self._lengths[document] = length

    def terms_in(self, document: str) -> list[str]:
        """Return the query's terms that occur in a document."""
        return list(self._counts[document])

    def scores(self) -> dict[str, float]:
        """Return document -> BM25 score, 0 where no term of the query occurs."""
        term_scores = self._term_scores()
        total_length = sum(self._lengths.values())
        average_length = total_length / max(len(self._lengths), 1) or 1.0
        scores = {}
        for document, counts in self._counts.items():
            saturation = _K1 * (1 - _B + _B * self._lengths[document] / average_length)
            scores[document] = sum(
                term_scores[term] * count / (count + saturation) for term, count in counts.items()
            )
        return scores

    def _term_scores(self) -> Mapping[str, float]:
        """Return term -> what it adds at most: its weight times its inverse document frequency."""
        documents_with: Counter[str] = Counter()
        for counts in self._counts.values():
            documents_with.update(counts.keys())
        total = len(self._counts)
        scores = {}
        for term, documents in documents_with.items():
            rarity = math.log(1 + (total - documents + 0.5) / (documents + 0.5))
            scores[term] = self._weights[term] * rarity * (_K1 + 1)
        return scores

    def _split(self, word: str) -> tuple[int, list[str]]:
        known = self._split_words.get(word)
        if known is None:
            terms = terms_of(word)
            known = (len(terms), [term for term in terms if term in self._weights])
            self._split_words[word] = known
        return known
