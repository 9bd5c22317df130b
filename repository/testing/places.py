"""Find the files of tests by the ids of their results."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, islice
from pathlib import PurePosixPath

from repository.testing.models import is_load_error

_MAX_PARTS = 60
"""Of a place, so that a hostile report with long ids costs little; no path is so deep."""


def place_of(test: str) -> str:
    """Return the part of an id that names a file, module, class or package, with dots."""
    place, _, name = test.partition("::")
    return (name if is_load_error(test) else place).replace("/", ".")


def beginnings(place: str) -> Iterator[str]:
    """Yield ``a``, ``a.b``, ``a.b.c``, ... of a place."""
    return accumulate(islice(place.split("."), _MAX_PARTS), "{}.{}".format)


class TestPlaces:
    """Test files, found by the ids of their tests."""

    __test__ = False

    def __init__(self, paths: Iterable[str]):
        """``paths`` are relative to the repository's root."""
        self._by_module: dict[str, list[str]] = {}
        self._by_tail: dict[str, list[str]] = {}
        for path in paths:
            self._add(path)

    def _add(self, path: str) -> None:
        parts = PurePosixPath(path).with_suffix("").parts
        self._by_module.setdefault(".".join(parts), []).append(path)
        for start in range(1, len(parts)):
            self._by_tail.setdefault(".".join(parts[start:]), []).append(path)

    def files_of(self, test: str) -> list[str]:
        """Return the files that may contain a test; of a name that fits several, all of them.

        Some runners name modules relative to another folder than the root, so the end of a path
        is enough if no whole path fits.
        """
        return _longest(self._by_module, test) or _longest(self._by_tail, test)

    def contain(self, test: str) -> bool:
        """Whether the whole path of one of the files fits a test."""
        return bool(_longest(self._by_module, test))

    def all_files_of(self, tests: Iterable[str]) -> list[str] | None:
        """Return the files of all tests, or None if the file of one can't be found."""
        files: set[str] = set()
        for test in tests:
            found = self.files_of(test)
            if not found:
                return None
            files.update(found)
        return sorted(files)


def _longest(files_by_name: Mapping[str, list[str]], test: str) -> list[str]:
    """Return the files of the longest name that the place of a test begins with."""
    names = list(beginnings(place_of(test)))
    for name in reversed(names):
        files = files_by_name.get(name)
        if files:
            return files
    return []
