"""Storage of large data: diffs, test logs, exchanges with a model."""

import re
from typing import Protocol

_PART = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._:=@+-]{1,200}")


class Artifacts(Protocol):
    """A key-value store for bytes. Keys are relative paths with forward slashes.

    Methods are synchronous and safe to call from any thread. Each raises ValueError for a key that
    ``validate_key`` rejects.
    """

    def put(self, key: str, data: bytes) -> None:
        """Store the data under the key, atomically replacing any earlier data."""
        ...

    def get(self, key: str) -> bytes:
        """Return the data. Raises FileNotFoundError if the key does not exist."""
        ...

    def names(self, beginning: str) -> list[str]:
        """Return the keys of one part, without a slash, that begin so, in order."""
        ...

    def address(self, key: str) -> str:
        """Return the URL at which a person or a subscriber of events can read the data."""
        ...


def validate_key(key: str) -> str:
    """Return the key unchanged.

    Raises:
        ValueError: it is not a key; it might lead outside the root.
    """
    if not is_key(key):
        raise ValueError(f"not an artifact key: {key!r}")
    return key


def is_key(key: str) -> bool:
    return all(_PART.fullmatch(part) for part in key.split("/"))
