"""Which Python a commit is tested with: of those on this machine, the newest its metadata allows
and its time knew.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

#: First releases, (year, month) (https://devguide.python.org/versions/). Later ones: each October.
_RELEASED = {6: (2016, 12), 7: (2018, 6), 8: (2019, 10)}
#: Months that projects took, as a rule, until they worked on a new version.
_SETTLING_DAYS = 270
#: uv makes environments from this minor version on.
_OLDEST = 6


def find_interpreters(folders: Iterable[Path]) -> dict[int, Path]:
    """CPython 3 by minor version: the real file. The first folder that has a version wins."""
    found: dict[int, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob("python3.*")) if folder.is_dir() else ():
            match = re.fullmatch(r"python3\.([0-9]+)", path.name)
            if match and path.is_file() and int(match[1]) >= _OLDEST:
                found.setdefault(int(match[1]), path.resolve())
    return found


def released(minor: int) -> datetime:
    year, month = _RELEASED.get(minor, (2011 + minor, 10))
    return datetime(year, month, 1, tzinfo=UTC)


def choose_minor(
    available: Iterable[int], *, requires: str | None, classified: Iterable[int], committed_at: int
) -> int | None:
    """The minor version of Python 3 for a commit; the nearest there is where none fits all of it.

    ``requires`` is a version specifier, ``classified`` the minors that the trove classifiers name.
    """
    at = datetime.fromtimestamp(committed_at, UTC)
    allowed = [minor for minor in sorted(available) if _allows(requires, minor)]
    if not allowed:
        return None
    settled = [minor for minor in allowed if (at - released(minor)).days >= _SETTLING_DAYS]
    if not settled:
        return allowed[0]
    named = [minor for minor in settled if minor in set(classified)]
    return (named or settled)[-1]


def _allows(requires: str | None, minor: int) -> bool:
    try:
        wanted = SpecifierSet(requires or "")
    except InvalidSpecifier:
        return True
    return any(wanted.contains(f"3.{minor}.{patch}") for patch in (0, 30))


def interpreter_folders(interpreter: Path) -> tuple[Path, ...]:
    """What must be readable for an interpreter outside the system's folders. Not its whole prefix:
    it may be a home.
    """
    if interpreter.is_relative_to("/usr") and not interpreter.is_relative_to("/usr/local"):
        return ()
    prefix = interpreter.parent.parent
    return tuple(folder for name in ("bin", "lib", "include") if (folder := prefix / name).is_dir())
