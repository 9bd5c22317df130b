"""What the store needs from a database: items under keys, changed in transactions.

An item is found by its key, by a prefix of its sort key, or in its listing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

T = TypeVar("T")

#: Names in an item's data by which a listing can be filtered.
FILTERS = ("repository", "status", "owner", "model", "template_set")


class Key(NamedTuple):
    """The address of an item."""

    partition: str
    sort: str


@dataclass(frozen=True)
class Item:
    key: Key
    data: Mapping[str, Any]
    """JSON-serialisable values."""
    listing: str | None = None
    """The listing in which the item appears, if any."""
    listed_at: str = ""
    """The item's sort key within its listing."""
    expires: int | None = None
    """When the item ceases to exist, in seconds since the epoch; None for never."""


@dataclass(frozen=True)
class Span:
    """A part of a listing, by the items' ``listed_at``."""

    since: str = " "
    """The first one; a space sorts before all of them."""
    before: str = "~"
    """The one after the last; a tilde sorts after all of them."""


EVERYTHING = Span()


class Reader(Protocol):
    def get(self, key: Key) -> Item | None: ...

    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        """Return the items under these keys that exist, in the order of the keys."""
        ...

    def query(self, partition: str, prefix: str) -> list[Item]:
        """Return the partition's items whose sort key begins with ``prefix``, by sort key."""
        ...

    def counter(self, key: Key) -> int:
        """Return a counter's value, 0 for a new one."""
        ...


class Transaction(Reader, Protocol):
    """Atomic reads and writes: either all of the writes are stored or none.

    An item read by its key has not changed in between if the same key is written. An item that was
    not read by its key is written unconditionally, so it must be one that only changes together
    with an item that was.
    """

    def put(self, item: Item) -> None:
        """Write an item as a whole."""
        ...

    def delete(self, key: Key) -> None: ...

    def add(
        self, key: Key, amount: int, *, limit: int | None = None, expires: int | None = None
    ) -> None:
        """Add to a counter, at most once per key.

        Args:
            limit: if others have added so much since the read that the counter would exceed this
                value, the transaction runs again.
        """
        ...


class ReadTable(Reader, Protocol):
    """A database that is read, safe to call from any thread."""

    def newest(self, partition: str, prefix: str, limit: int) -> list[Item]:
        """Return the last ``limit`` of the items that ``query`` returns, the last one first."""
        ...

    def listed(
        self,
        listing: str,
        *,
        limit: int,
        newest_first: bool,
        where: Mapping[str, str],
        within: Span = EVERYTHING,
    ) -> list[Item]:
        """Return the oldest or newest items of a listing that have these values in their data.

        Fewer than ``limit`` are returned only if there are no more.

        Args:
            where: values by name; each name is one of ``FILTERS``.
            within: the part of the listing that is read.
        """
        ...

    def counters(self, partition: str, prefix: str) -> dict[str, int]:
        """Return the partition's counters whose sort key begins with ``prefix``, by sort key."""
        ...

    def close(self) -> None: ...


class Table(ReadTable, Protocol):
    """A database. Reads see every transaction committed before."""

    def transact(self, decide: Callable[[Transaction], T]) -> T:
        """Run ``decide`` in a transaction and return its result.

        If another transaction interferes, ``decide`` is run again, including its reads: it must do
        nothing but read and write through the transaction. If it raises, nothing is written.

        Raises:
            Retry: too many others write to the same items.
        """
        ...
