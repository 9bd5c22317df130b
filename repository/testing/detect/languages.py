"""Choose between Python and another language of a repository by what the issue is about."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePosixPath

#: Number of likely sources that decide.
_RANKED = 10
_PYTHON_SUFFIXES = frozenset({".py", ".pyx", ".pyi"})
_JS_SUFFIXES = frozenset({".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".vue", ".svelte"})


def prefers_other_language(ranking: Sequence[str], paths: Iterable[str]) -> bool | None:
    """Return whether an issue is more about the other language than about Python; None if neither.

    Args:
        ranking: Paths of the issue's likeliest sources, likeliest first.
        paths: Paths, or patterns of paths, of files in the other language.
    """
    suffixes = {PurePosixPath(path).suffix for path in paths}
    if not suffixes.isdisjoint(_JS_SUFFIXES):
        suffixes |= _JS_SUFFIXES
    other = _weight(ranking, suffixes)
    python = _weight(ranking, _PYTHON_SUFFIXES)
    return None if other == python else other > python


def _weight(ranking: Sequence[str], suffixes: Collection[str]) -> float:
    weight = 0.0
    for rank, path in enumerate(ranking[:_RANKED]):
        if PurePosixPath(path).suffix in suffixes:
            weight += 1 / (1 + rank)
    return weight
