"""What the store needs of a database: items under keys, changed in transactions.

An item is found by its key, by the beginning of its key, or in the listing that it appears in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

T = TypeVar("T")

#: Names in an item's data by which a listing can be filtered.
FILTERS = ("repository", "status")


class Key(NamedTuple):
    """The address of an item."""

    partition: str
    sort: str


@dataclass(frozen=True)
class Item:
    key: Key
    data: Mapping[str, Any]
    """What JSON can hold."""
    listing: str | None = None
    """The listing in which the item appears; None: in none."""
    listed_at: str = ""
    """The item's place in its listing, which is sorted by it."""
    expires: int | None = None
    """Seconds since the epoch from which the item does not exist any more; None: it stays."""


class Reader(Protocol):
    def get(self, key: Key) -> Item | None: ...

    def query(self, partition: str, prefix: str) -> list[Item]:
        """Return the partition's items whose sort key begins with ``prefix``, by sort key."""
        ...

    def counter(self, key: Key) -> int:
        """Return a counter's value: 0 until something is added."""
        ...


class Transaction(Reader, Protocol):
    """Reads, decisions and writes that happen as one: all of the writes or none.

    What ``get`` read has not changed when a write of the same key is stored. An item that was not
    read by ``get`` is written as it is, so it must be one that only changes together with an item
    that was.
    """

    def put(self, item: Item) -> None:
        """Write an item as a whole."""
        ...

    def delete(self, key: Key) -> None: ...

    def add(
        self, key: Key, amount: int, *, limit: int | None = None, expires: int | None = None
    ) -> None:
        """Add to a counter, at most once a key.

        Args:
            limit: where others have added so much since it was read that the counter would pass
                this value, the transaction runs again.
        """
        ...


class Table(Reader, Protocol):
    """Safe to call from any thread. Reads see every transaction that was committed before."""

    def transact(self, decide: Callable[[Transaction], T]) -> T:
        """Run ``decide`` in a transaction and return its result.

        Where another transaction came in between, ``decide`` is run again, from its reads on: it
        must do nothing but read and write the transaction. Nothing is written where it raises.

        Raises:
            Retry: too many others write at the same items.
        """
        ...

    def listed(
        self, listing: str, *, limit: int, newest_first: bool, where: Mapping[str, str]
    ) -> list[Item]:
        """Return the first or last items of a listing that have these values in their data.

        Args:
            where: value by name; each name is one of ``FILTERS``.
        """
        ...

    def close(self) -> None: ...
