"""The version of a package that asks git for it."""

import re

from packaging.version import InvalidVersion, Version

_VERSION_AT_END = re.compile(r"\d+(?:\.\d+)*(?:[-_.]?(?:a|b|c|rc|alpha|beta|dev|post)[-_.]?\d*)?$")


def version_from_description(description: str | None) -> str | None:
    """Return the version as setuptools-scm computes it: a development version of the next release.

    Args:
        description: The output of ``git describe --long``; None if there is no tag.
    """
    if description is None:
        return None
    tag, distance, commit = _split(description)
    version = _parse(tag)
    if version is None:
        return None
    if distance in ("0", ""):
        return str(version)
    *leading, last = version.release
    next_release = [*leading, last if version.is_prerelease else last + 1]
    return f"{'.'.join(map(str, next_release))}.dev{distance}+{commit}"


def _split(description: str) -> tuple[str, str, str]:
    """Return the tag, the number of commits since, and the abbreviated SHA with its prefix g."""
    parts = description.rsplit("-", 2)
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    return parts[0], parts[1] if len(parts) == 2 else "", ""


def _parse(tag: str) -> Version | None:
    match = _VERSION_AT_END.search(tag)
    if match is None:
        return None
    try:
        return Version(match[0])
    except InvalidVersion:
        return None
