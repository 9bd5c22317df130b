"""The names of branches that git accepts."""

import re

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{")


def is_branch_name(name: str) -> bool:
    """Return whether ``git check-ref-format --branch`` accepts a name, outside of a repository.

    The rules are those of git-check-ref-format(1), for the reference ``refs/heads/NAME``.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    if name.startswith("-") or name == "HEAD" or name.endswith("."):
        return False
    if _FORBIDDEN.search(name):
        return False
    return all(_is_component(part) for part in name.split("/"))


def _is_component(part: str) -> bool:
    return part != "" and not part.startswith(".") and not part.endswith(".lock")
