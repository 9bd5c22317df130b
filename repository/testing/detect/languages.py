"""Choose among a repository's languages by what an issue or a change is about."""

from collections.abc import Sequence

from repository.languages import Language, language_of

#: Number of likely sources that decide.
_RANKED = 10


def weight_of(language: Language, ranking: Sequence[str]) -> float:
    """Return how much the likeliest sources, likeliest first, are written in a language."""
    weight = 0.0
    for rank, path in enumerate(ranking[:_RANKED]):
        if language_of(path) == language:
            weight += 1 / (1 + rank)
    return weight
