"""Parts of a leased run that need not be read again: only the holder of the lease writes them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from pipeline.threads import STORE

PartT = TypeVar("PartT")


class OwnParts(Generic[PartT]):
    """A run's parts of one kind. They are read from the store once, and again after a write.

    ``read`` blocks and returns the stored parts. ``are_none``: nothing is stored yet, so there is
    nothing to read.
    """

    def __init__(self, read: Callable[[], list[PartT]], *, are_none: bool):
        self._read = read
        self._parts: list[PartT] | None = [] if are_none else None
        self._writes = 0

    async def get(self) -> list[PartT]:
        if self._parts is not None:
            return list(self._parts)
        writes = self._writes
        parts = await STORE.run(self._read)
        if self._writes == writes:  # otherwise a concurrent write may be missing
            self._parts = parts
        return list(parts)

    @contextmanager
    def being_written(self) -> Iterator[None]:
        """Have the parts read again after a write, also after one that failed: it may be stored."""
        try:
            yield
        finally:
            self._writes += 1
            self._parts = None
