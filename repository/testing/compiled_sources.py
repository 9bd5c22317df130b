"""Which files of a change are compiled into extension modules of Python."""

from collections.abc import Iterable

from repository.files import belongs_to_tests
from repository.testing.folders import Changes
from repository.testing.models import Recipe

_SOURCES = (".pyx", ".c", ".cc", ".cpp", ".cxx", ".f", ".f90", ".pyf", ".rs")
_INCLUDED = (".pxd", ".pxi", ".h", ".hpp", ".inc")
"""Files that sources include, of which build tools don't always know."""


def compiled_sources(changes: Changes, recipe: Recipe) -> tuple[str, ...]:
    """Return the changed files that only a build brings into effect."""
    if not recipe.packaged:
        return ()
    sources = [path for path in changes if path.endswith((*_SOURCES, *_INCLUDED))]
    return tuple(path for path in sources if not belongs_to_tests(path, recipe.patterns))


def are_included(paths: Iterable[str]) -> bool:
    """Whether any of the files is one that sources include."""
    return any(path.endswith(_INCLUDED) for path in paths)
