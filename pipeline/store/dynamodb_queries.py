"""Reading a DynamoDB table. It deletes an item some time after ``expires``; until then every read
here ignores it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from pipeline.backoff import backoff
from pipeline.errors import Retry
from pipeline.store.dynamodb_items import Attributes, item_of, key_attributes, key_of
from pipeline.store.table import EVERYTHING, Item, Key, Span

INDEX = "listed"
#: How often a transaction or a batch read is tried before giving up.
ATTEMPTS = 10
#: Keys in one BatchGetItem: DynamoDB's limit.
PAGE = 100
#: Items of the index in a page of a query with a filter, which DynamoDB applies after reading them.
FILTERED_PAGE = 2_000


class DynamoReadTable:
    """See ``pipeline.store.table.ReadTable``. Only reads of the index may be late."""

    def __init__(self, name: str, client: Any, clock: Callable[[], float]):
        self.name = name
        self.clock = clock
        self._client = client

    def close(self) -> None:
        self._client.close()

    def get(self, key: Key) -> Item | None:
        attributes = self.attributes(key)
        return item_of(attributes) if attributes is not None else None

    def attributes(self, key: Key) -> Attributes | None:
        """Return an item's attributes; None if it does not exist or has expired."""
        response = self._client.get_item(
            TableName=self.name, Key=key_attributes(key), ConsistentRead=True
        )
        attributes: Attributes | None = response.get("Item")
        if attributes is None or self.has_expired(attributes):
            return None
        return attributes

    def query(self, partition: str, prefix: str) -> list[Item]:
        return [item_of(attributes) for attributes in self._partition(partition, prefix)]

    def newest(self, partition: str, prefix: str, limit: int) -> list[Item]:
        attributes = islice(self._partition(partition, prefix, newest=limit), limit)
        return [item_of(of_item) for of_item in attributes]

    def counters(self, partition: str, prefix: str) -> dict[str, int]:
        values = {}
        for attributes in self._partition(partition, prefix):
            values[key_of(attributes).sort] = int(attributes["used"]["N"])
        return values

    def _partition(
        self, partition: str, prefix: str, *, newest: int | None = None
    ) -> Iterator[Attributes]:
        """Iterate over the items of a partition; with ``newest``, from the last one, in pages of
        this size.
        """
        condition = "pk = :pk"
        values = {":pk": {"S": partition}}
        if prefix:  # an empty one is refused
            condition += " AND begins_with(sk, :prefix)"
            values[":prefix"] = {"S": prefix}
        pages = self._client.get_paginator("query").paginate(
            TableName=self.name,
            ConsistentRead=True,
            ScanIndexForward=newest is None,
            PaginationConfig={"PageSize": newest},
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
        )
        for page in pages:
            for attributes in page["Items"]:
                if not self.has_expired(attributes):
                    yield attributes

    def counter(self, key: Key) -> int:
        attributes = self.attributes(key)
        return int(attributes["used"]["N"]) if attributes is not None else 0

    def listed(
        self,
        listing: str,
        *,
        limit: int,
        newest_first: bool,
        where: Mapping[str, str],
        within: Span = EVERYTHING,
    ) -> list[Item]:
        """See ``ReadTable.listed``. The index may lag behind; the items themselves are current."""
        if within.before <= within.since:  # BETWEEN refuses such bounds
            return []
        pages = self._client.get_paginator("query").paginate(
            TableName=self.name,
            IndexName=INDEX,
            ScanIndexForward=not newest_first,
            PaginationConfig={"PageSize": FILTERED_PAGE if where else limit + 1},
            **_listing_conditions(listing, where, within),
        )
        items: list[Item] = []
        for page in pages:
            # BETWEEN includes both ends: hence a page of one more than the limit.
            keys = [key_of(at) for at in page["Items"] if at["listed_at"]["S"] != within.before]
            for start in range(0, len(keys), PAGE):
                batch = self.get_many(keys[start : start + PAGE])
                # The index may still name an item that has left the listing.
                items.extend(item for item in batch if item.listing == listing)
                if len(items) >= limit:
                    return items[:limit]
        return items

    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        """See ``Reader.get_many``: one request for each ``PAGE`` keys."""
        by_key = self.attributes_of(keys)
        return [item_of(by_key[key]) for key in keys if key in by_key]

    def attributes_of(self, keys: Sequence[Key]) -> dict[Key, Attributes]:
        """Return the attributes of the items that exist and have not expired."""
        unique = list(dict.fromkeys(keys))
        by_key: dict[Key, Attributes] = {}
        for start in range(0, len(unique), PAGE):
            for attributes in self._batch(unique[start : start + PAGE]):
                by_key[key_of(attributes)] = attributes
        return by_key

    def _batch(self, keys: list[Key]) -> Iterator[Attributes]:
        """Iterate over the attributes of the items under at most ``PAGE`` keys."""
        request = {"Keys": [key_attributes(key) for key in keys], "ConsistentRead": True}
        requests: dict[str, Any] = {self.name: request}
        tries = attempts()
        while requests:
            next(tries)
            response = self._client.batch_get_item(RequestItems=requests)
            for attributes in response["Responses"].get(self.name, []):
                if not self.has_expired(attributes):
                    yield attributes
            requests = response.get("UnprocessedKeys") or {}

    def has_expired(self, attributes: Attributes) -> bool:
        expires = attributes.get("expires")
        return expires is not None and int(expires["N"]) <= self.clock()


def _listing_conditions(listing: str, where: Mapping[str, str], within: Span) -> dict[str, Any]:
    """Return the conditions of a query of the index, as its expressions."""
    names = {"#listed": "listed", "#listed_at": "listed_at"}
    values = {
        ":listed": {"S": listing},
        ":since": {"S": within.since},
        ":before": {"S": within.before},
    }
    filters: list[str] = []
    for name, value in where.items():
        names[f"#{name}"] = name
        values[f":{name}"] = {"S": value}
        filters.append(f"#{name} = :{name}")
    conditions: dict[str, Any] = {
        "KeyConditionExpression": "#listed = :listed AND #listed_at BETWEEN :since AND :before",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }
    if filters:
        conditions["FilterExpression"] = " AND ".join(filters)
    return conditions


def attempts() -> Iterator[int]:
    """Count the attempts at one request, pausing between them.

    Raises:
        Retry: all ``ATTEMPTS`` are used up.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(attempt)
        yield attempt
    raise Retry(f"the store is too busy: gave up after {ATTEMPTS} attempts", counts=False)


def pause(attempt: int) -> None:
    """Sleep with full jitter: up to 20 ms, doubled with each attempt up to 1 s."""
    time.sleep(backoff(attempt, base=0.02, cap=1.0))
