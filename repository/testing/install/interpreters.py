"""Choose the Python for a commit: the newest that its metadata allow and that existed then."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

#: First releases, (year, month) (https://devguide.python.org/versions/). Later ones: each October.
_RELEASED = {6: (2016, 12), 7: (2018, 6), 8: (2019, 10)}
#: Days that projects usually need to support a new version.
_SETTLING_DAYS = 270
#: The oldest minor version for which uv can create environments.
_OLDEST_MINOR = 6
_INTERPRETER = re.compile(r"python3\.([0-9]+)")


def find_interpreters(folders: Iterable[Path]) -> dict[int, Path]:
    """Return minor version -> real path of each CPython 3; the first folder wins."""
    interpreters: dict[int, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            continue
        for path in sorted(folder.glob("python3.*")):
            match = _INTERPRETER.fullmatch(path.name)
            if match is None or not path.is_file():
                continue
            minor = int(match[1])
            if minor >= _OLDEST_MINOR:
                interpreters.setdefault(minor, path.resolve())
    return interpreters


def release_date(minor: int) -> datetime:
    """Return when Python 3.``minor`` was released."""
    year, month = _RELEASED.get(minor, (2011 + minor, 10))
    return datetime(year, month, 1, tzinfo=UTC)


def choose_minor(
    available: Iterable[int], *, requires: str | None, classified: Iterable[int], committed_at: int
) -> int | None:
    """Return the minor version of Python 3 for a commit; None if ``requires`` allows none.

    ``requires`` is a version specifier, ``classified`` are the minor versions in the trove
    classifiers. If no version meets all conditions, the best approximation is returned.
    """
    allowed = [minor for minor in available if _allows(requires, minor)]
    if not allowed:
        return None
    settled = [minor for minor in allowed if _is_settled(minor, committed_at)]
    if not settled:
        return min(allowed)
    named = set(classified).intersection(settled)
    return max(named or settled)


def _is_settled(minor: int, committed_at: int) -> bool:
    """Whether a version was old enough at the time of the commit for projects to support it."""
    commit = datetime.fromtimestamp(committed_at, UTC)
    age = commit - release_date(minor)
    return age.days >= _SETTLING_DAYS


def _allows(requires: str | None, minor: int) -> bool:
    try:
        specifiers = SpecifierSet(requires or "")
    except InvalidSpecifier:
        return True
    first = f"3.{minor}.0"
    late = f"3.{minor}.30"
    return specifiers.contains(first) or specifiers.contains(late)


def interpreter_folders(interpreter: Path) -> tuple[Path, ...]:
    """Return the folders that an interpreter outside the system's folders reads.

    The whole prefix would be too much: it may be a home directory.
    """
    if interpreter.is_relative_to("/usr") and not interpreter.is_relative_to("/usr/local"):
        return ()
    prefix = interpreter.parent.parent
    folders = [prefix / name for name in ("bin", "lib", "include")]
    return tuple(folder for folder in folders if folder.is_dir())
