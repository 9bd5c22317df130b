"""Storage of large data: diffs, test logs, exchanges with a model."""

import re
from typing import Protocol

_PART = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._:=@+-]{1,200}")


class Artifacts(Protocol):
    """Data under keys, which are relative paths with forward slashes.

    Methods are synchronous and safe to call from any thread. Each raises ValueError for a key that
    ``validate_key`` refuses.
    """

    def put(self, key: str, data: bytes) -> None:
        """Write the data as a whole, in place of what the key held."""
        ...

    def get(self, key: str) -> bytes:
        """Raises FileNotFoundError where the key holds nothing."""
        ...

    def address(self, key: str) -> str:
        """Return the URL under which a person or a receiver of events reads the data."""
        ...


def validate_key(key: str) -> str:
    """Return the key.

    Raises:
        ValueError: it could lead out of its root.
    """
    for part in key.split("/"):
        if not _PART.fullmatch(part):
            raise ValueError(f"not an artifact key: {key!r}")
    return key
