"""Where large things are kept: diffs, test logs, model exchanges. Keys are relative paths with
forward slashes.
"""

import re
from typing import Protocol

_PART = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._:=@+-]{1,200}")


class Artifacts(Protocol):
    """Synchronous and safe to call from any thread. Writing a key twice replaces it, whole."""

    def put(self, key: str, data: bytes) -> None: ...

    def get(self, key: str) -> bytes:
        """Raises FileNotFoundError where there is none."""
        ...

    def address(self, key: str) -> str:
        """Where a person or a receiver of events finds it."""
        ...


def checked(key: str) -> str:
    """The key itself. Raises ValueError where it could lead elsewhere than below its root."""
    if not all(_PART.fullmatch(part) for part in key.split("/")):
        raise ValueError(f"not an artifact key: {key!r}")
    return key
