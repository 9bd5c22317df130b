"""Parts of a leased run that need not be read again: only the holder of the lease writes them."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from pipeline.threads import STORE

PartT = TypeVar("PartT")


class OwnParts(Generic[PartT]):
    """A run's parts of one kind, read from the store once. Whoever writes some says so:

    with parts.being_written():
        await STORE.run(write)
        parts.put(part)     # or parts.forget(), to have them read again
    """

    def __init__(
        self,
        read: Callable[[], list[PartT]],
        *,
        name: Callable[[PartT], Hashable] = id,
        are_none: bool,
    ):
        """``read`` blocks and returns the stored parts; ``name`` returns what tells one part from
        another. ``are_none``: nothing is stored yet, so there is nothing to read.
        """
        self._read = read
        self._name = name
        self._parts: dict[Hashable, PartT] | None = {} if are_none else None
        self._writes = 0
        """Writes that have ended."""
        self._writers = 0
        """Writes in progress."""

    async def get(self) -> list[PartT]:
        if self._parts is not None:
            return list(self._parts.values())
        writes = self._writes
        parts = await STORE.run(self._read)
        # A write in the meantime may be missing in them, or not.
        if self._writes == writes and not self._writers:
            self._parts = {self._name(part): part for part in parts}
        return parts

    @contextmanager
    def being_written(self) -> Iterator[None]:
        """Have the parts read again if the write fails, since it may be stored nevertheless."""
        self._writers += 1
        try:
            yield
        except BaseException:
            self.forget()
            raise
        finally:
            self._writers -= 1
            self._writes += 1

    def known(self, name: Hashable) -> PartT | None:
        """Return a part; None if it does not exist or was not read."""
        return self._parts.get(name) if self._parts is not None else None

    def put(self, part: PartT) -> None:
        """Note how a part is stored now."""
        if self._parts is not None:
            self._parts[self._name(part)] = part

    def forget(self) -> None:
        """Have the parts read again."""
        self._parts = None
