"""Which paths a model may name at all."""

import unicodedata
from collections.abc import Collection

_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")


def path_refusal(path: str) -> str | None:
    """Why a path leads out of the repository, into git's own files, or into what runs with secrets; else None.

    ``.github/workflows`` is refused since GitHub refuses a push of it by a token without the workflow scope, and since
    what is there runs with the repository's secrets.
    """
    parts = path.split("/")
    lowered = [part.casefold().rstrip(". ") for part in parts]
    if any(unicodedata.category(character) in _INVISIBLE for character in path):
        reason = "it holds characters that don't show"
    elif len(path) > 1000 or any(len(part.encode()) > 255 for part in parts):
        reason = "it is too long"
    elif path.startswith(("/", "~")) or "\\" in path or ":" in path:
        reason = "write it relative to the repository's root, with forward slashes and no colon"
    elif any(part in ("", ".", "..") or part != part.strip() for part in parts):
        reason = "write it without '..', '.', empty parts, and spaces at their ends"
    elif any(part in (".git", "git~1") for part in lowered):
        reason = "git's own files can't be edited"
    elif lowered[:2] == [".github", "workflows"]:
        reason = "workflows can't be changed by this service"
    else:
        return None
    return f"the path {path[:200]!r} is refused: {reason}"


def missing(path: str, paths: Collection[str]) -> str:
    """What to say of a path that is not there; one file that ends so is named, never taken."""
    tail = path.lstrip("/")
    alike = [other for other in paths if other.endswith(f"/{tail}")]
    if not alike and "/" in tail:
        alike = [other for other in paths if tail.endswith(f"/{other}")]
    hint = f"; did you mean {alike[0]}?" if len(alike) == 1 else ""
    return f"there is no file {path}{hint}"
