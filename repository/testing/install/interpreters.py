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
#: A part of Poetry's that is not a specifier of the standard.
_POETRY_PART = re.compile(r"(?<![^\s,])(\^|~(?!=)|)\s*([0-9]+(?:\.[0-9]+)*)(?:\.\*)?(?![^\s,])")
#: More patch releases than any version has.
_PATCHES = 31
_MAX_SPECIFIER = 500
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
    available: Iterable[int],
    *,
    requires: str | None,
    classified: Iterable[int],
    committed_at: int,
    pinned: int | None = None,
) -> int | None:
    """Return the minor version of Python 3 for a commit; None if ``requires`` allows none.

    ``requires`` is a version specifier, ``classified`` are the minor versions in the trove
    classifiers, ``pinned`` is the one that the repository's developers use. If no version meets all
    conditions, the best approximation is returned; of two that are as near, the newer.
    """
    allowed = [minor for minor in available if allows(requires, minor)]
    if not allowed:
        return None
    if pinned is not None:
        return min(allowed, key=lambda minor: (abs(minor - pinned), -minor))
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


def allows(requires: str | None, minor: int) -> bool:
    """Return whether a version specifier, also one of Poetry, allows Python 3.``minor``.

    One that can't be read allows every version.
    """
    if requires and len(requires) > _MAX_SPECIFIER:
        return True
    for alternative in (requires or "").split("||"):
        try:
            specifiers = SpecifierSet(_POETRY_PART.sub(_standard_specifier, alternative.strip()))
        except InvalidSpecifier:
            return True
        if any(specifiers.contains(f"3.{minor}.{patch}") for patch in range(_PATCHES)):
            return True
    return False


def _standard_specifier(part: re.Match[str]) -> str:
    """Return what Poetry means by ``^3.8``, ``~3.8`` or ``3.8``.

    See https://python-poetry.org/docs/dependency-specification/.
    """
    operator = part[1]
    version = part[2]
    if operator == "^":
        return f">={version},<{int(version.split('.')[0]) + 1}"
    major_and_minor = ".".join(version.split(".")[:2])
    if operator == "~":
        return f">={version},=={major_and_minor}.*"
    return f"=={version}" if version.count(".") > 1 else f"=={version}.*"


def interpreter_folders(interpreter: Path) -> tuple[Path, ...]:
    """Return the folders that an interpreter outside the system's folders reads.

    The whole prefix would be too much: it may be a home directory.
    """
    if interpreter.is_relative_to("/usr") and not interpreter.is_relative_to("/usr/local"):
        return ()
    prefix = interpreter.parent.parent
    folders = [prefix / name for name in ("bin", "lib", "include")]
    return tuple(folder for folder in folders if folder.is_dir())
