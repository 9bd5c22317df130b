"""Where large things are kept: diffs, test logs, model exchanges. Keys are relative paths with forward slashes."""

from typing import Protocol


class Artifacts(Protocol):
    """Synchronous and safe to call from any thread. Writing a key twice replaces it, whole."""

    def put(self, key: str, data: bytes) -> None: ...

    def get(self, key: str) -> bytes:
        """Raises FileNotFoundError where there is none."""
        ...

    def address(self, key: str) -> str:
        """Where a person or a receiver of events finds it."""
        ...
