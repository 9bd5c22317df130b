"""A transaction on a DynamoDB table, every write of which is conditional: it writes an item that it
has read on the condition that the version is still the same.
"""

from collections.abc import Sequence
from typing import Any

from pipeline.store.dynamodb_items import Attributes, item_of, key_attributes, to_attributes
from pipeline.store.dynamodb_queries import DynamoReadTable
from pipeline.store.own_writes import OwnWrites
from pipeline.store.table import Item, Key

_UNCHANGED = "#version = :version"
_ABSENT = "attribute_not_exists(#pk) OR #expires <= :now"
_WITHIN_LIMIT = "attribute_not_exists(#used) OR #used <= :room"


class DynamoTransaction:
    """See ``pipeline.store.table.Transaction``."""

    def __init__(self, table: DynamoReadTable, known: OwnWrites | None = None):
        """``known`` are items whose version is assumed to be the newest, instead of read."""
        self._table = table
        self._known = known
        self.assumed: set[Key] = set()
        """The items that were not read."""
        self._versions: dict[Key, int | None] = {}
        """The version of each item read by its key; None if it did not exist."""
        self.writes: dict[Key, dict[str, Any]] = {}
        """Entries of ``TransactItems``: DynamoDB allows only one per item."""

    def get(self, key: Key) -> Item | None:
        attributes = self._attributes(key)
        self._note_version(key, attributes)
        return item_of(attributes) if attributes is not None else None

    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        by_key = self._table.attributes_of(keys)
        for key in keys:
            self._note_version(key, by_key.get(key))
        return [item_of(by_key[key]) for key in keys if key in by_key]

    def _attributes(self, key: Key) -> Attributes | None:
        known = self._known.get(key) if self._known is not None else None
        if known is None or self._table.has_expired(known):
            return self._table.attributes(key)
        self.assumed.add(key)
        return known

    def _note_version(self, key: Key, attributes: Attributes | None) -> None:
        version = attributes["version"]["N"] if attributes is not None else None
        self._versions[key] = int(version) if version is not None else None

    def query(self, partition: str, prefix: str) -> list[Item]:
        return self._table.query(partition, prefix)

    def counter(self, key: Key) -> int:
        return self._table.counter(key)

    def put(self, item: Item) -> None:
        version = self._versions.get(item.key)
        request = {"TableName": self._table.name, "Item": to_attributes(item, (version or 0) + 1)}
        request.update(self._condition(item.key))
        self.writes[item.key] = {"Put": request}

    def delete(self, key: Key) -> None:
        request = {"TableName": self._table.name, "Key": key_attributes(key)}
        request.update(self._condition(key))
        self.writes[key] = {"Delete": request}

    def add(
        self, key: Key, amount: int, *, limit: int | None = None, expires: int | None = None
    ) -> None:
        update = "ADD #used :amount"
        names = {"#used": "used"}
        values = {":amount": {"N": str(amount)}}
        request: dict[str, Any] = {"TableName": self._table.name, "Key": key_attributes(key)}
        if expires is not None:
            update += " SET #expires = :expires"
            names["#expires"] = "expires"
            values[":expires"] = {"N": str(expires)}
        if limit is not None:
            request["ConditionExpression"] = _WITHIN_LIMIT
            values[":room"] = {"N": str(limit - amount)}
        request["UpdateExpression"] = update
        request["ExpressionAttributeNames"] = names
        request["ExpressionAttributeValues"] = values
        self.writes[key] = {"Update": request}

    def keep_writes(self, known: OwnWrites) -> None:
        """Keep the items that the commit has written, if a transaction reads them by their key."""
        for key, write in self.writes.items():
            if "Put" in write and key in self._versions:
                known.keep(key, write["Put"]["Item"])
            else:
                known.forget([key])

    def _condition(self, key: Key) -> dict[str, Any]:
        """Return the parameters that make a write fail if the item has changed since the read."""
        if key not in self._versions:
            return {}
        version = self._versions[key]
        if version is not None:
            return {
                "ConditionExpression": _UNCHANGED,
                "ExpressionAttributeNames": {"#version": "version"},
                "ExpressionAttributeValues": {":version": {"N": str(version)}},
            }
        return {
            "ConditionExpression": _ABSENT,
            "ExpressionAttributeNames": {"#pk": "pk", "#expires": "expires"},
            "ExpressionAttributeValues": {":now": {"N": repr(self._table.clock())}},
        }
