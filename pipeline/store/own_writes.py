"""What this process wrote last: it need not be read before it is written again."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from pipeline.store.table import Key

#: Items: more than the runs that a worker has in progress.
SIZE = 200


class OwnWrites:
    """The newest items that this process wrote, in DynamoDB's form. Safe to use from any thread.

    Another process may have written an item since: whoever uses one must have DynamoDB check that
    its version is still the same.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: OrderedDict[Key, dict[str, Any]] = OrderedDict()

    def get(self, key: Key) -> dict[str, Any] | None:
        with self._lock:
            return self._items.get(key)

    def keep(self, key: Key, attributes: dict[str, Any]) -> None:
        with self._lock:
            self._items[key] = attributes
            self._items.move_to_end(key)
            if len(self._items) > SIZE:
                self._items.popitem(last=False)

    def forget(self, keys: Iterable[Key]) -> None:
        with self._lock:
            for key in keys:
                self._items.pop(key, None)
