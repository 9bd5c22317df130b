"""The store for many machines: a DynamoDB table in which every write is conditional.

An item's attributes are its key (``pk``, ``sk``), its place in the index ``listed`` (``listed``,
``listed_at``, and the values that listings are filtered by), ``version``, ``expires``, and ``data``
(JSON; compressed above ``COMPRESS_BYTES``). A counter has ``used`` instead of data. ``version``
counts the writes of an item: a transaction writes an item that it has read on the condition that
the version is still the same, and starts again if it is not.

DynamoDB deletes an item some time after ``expires``; until then every read here ignores it.
"""

import json
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from pipeline.aws import make_client
from pipeline.backoff import backoff
from pipeline.errors import Retry
from pipeline.store.own_writes import OwnWrites
from pipeline.store.store import RunStore
from pipeline.store.table import EVERYTHING, FILTERS, Item, Key, Span

T = TypeVar("T")
#: An item in the form of boto3's low-level client.
Attributes = dict[str, Any]

#: Days for which an ended run is kept. (A message lives at most 14 days in SQS.)
KEEP_DAYS = 90.0
INDEX = "listed"
#: The ``TimeToLiveSpecification`` of ``update_time_to_live``.
TIME_TO_LIVE: dict[str, Any] = {"Enabled": True, "AttributeName": "expires"}
#: Bytes above which data is compressed: an item may have 400 KB, and writes are billed by the KB
#: (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
COMPRESS_BYTES = 4_000
#: How often a transaction or a batch read is tried before giving up.
ATTEMPTS = 10
#: Keys in one BatchGetItem: DynamoDB's limit.
PAGE = 100
#: Items of the index in a page of a query with a filter, which DynamoDB applies after reading them.
FILTERED_PAGE = 2_000
#: Reasons for a cancelled transaction after which a retry can succeed
#: (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
_RETRIED_REASONS = frozenset(
    {
        "None",
        "ConditionalCheckFailed",
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
    }
)
_UNCHANGED = "#version = :version"
_ABSENT = "attribute_not_exists(#pk) OR #expires <= :now"
_WITHIN_LIMIT = "attribute_not_exists(#used) OR #used <= :room"


class WriteConflict(Exception):
    """Another transaction wrote to the same items first, or at the same time."""


class Unchecked(Exception):
    """A transaction decided on an item that it assumed and does not write: it may have changed."""


class DynamoStore(RunStore):
    """The store for many machines.

    It deletes a run ``KEEP_DAYS`` after its end: a job that is sent again after that is a new one.
    Leases compare the workers' clocks, which ECS keeps in sync. Errors from botocore pass through.
    """

    def __init__(
        self,
        table: str,
        *,
        clock: Callable[[], float] = time.time,
        client: Any = None,
    ):
        dynamo = DynamoTable(table, client or make_client("dynamodb", read_seconds=10.0), clock)
        super().__init__(dynamo, clock=clock, keep_days=KEEP_DAYS)


def table_definition(name: str) -> dict[str, Any]:
    """Return the arguments of ``create_table``.

    The time to live needs a separate call, with ``TIME_TO_LIVE``.
    """
    keys = ("pk", "sk", "listed", "listed_at")
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
        "KeySchema": _key_schema("pk", "sk"),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": INDEX,
                "KeySchema": _key_schema("listed", "listed_at"),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(FILTERS)},
            }
        ],
    }


def _key_schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


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


class DynamoTable:
    """See ``pipeline.store.table.Table``. Reads are strongly consistent, except of the index."""

    def __init__(self, name: str, client: Any, clock: Callable[[], float]):
        self.name = name
        self.clock = clock
        self.own_writes = OwnWrites()
        self._client = client

    def get(self, key: Key) -> Item | None:
        attributes = self.attributes(key)
        return _item(attributes) if attributes is not None else None

    def attributes(self, key: Key) -> Attributes | None:
        """Return an item's attributes; None if it does not exist or has expired."""
        response = self._client.get_item(
            TableName=self.name, Key=_key_attributes(key), ConsistentRead=True
        )
        attributes: Attributes | None = response.get("Item")
        if attributes is None or self.has_expired(attributes):
            return None
        return attributes

    def query(self, partition: str, prefix: str) -> list[Item]:
        return [_item(attributes) for attributes in self._partition(partition, prefix)]

    def newest(self, partition: str, prefix: str, limit: int) -> list[Item]:
        attributes = islice(self._partition(partition, prefix, newest=limit), limit)
        return [_item(of_item) for of_item in attributes]

    def counters(self, partition: str, prefix: str) -> dict[str, int]:
        values = {}
        for attributes in self._partition(partition, prefix):
            values[_key(attributes).sort] = int(attributes["used"]["N"])
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
            keys = [_key(at) for at in page["Items"] if at["listed_at"]["S"] != within.before]
            for start in range(0, len(keys), PAGE):
                batch = self.get_many(keys[start : start + PAGE])
                # The index may still name an item that has left the listing.
                items.extend(item for item in batch if item.listing == listing)
                if len(items) >= limit:
                    return items[:limit]
        return items

    def transact(self, decide: Callable[["DynamoTransaction"], T]) -> T:
        known: OwnWrites | None = self.own_writes
        for _ in _attempts():
            try:
                return self._transact_from(known, decide)
            except WriteConflict:
                known = None
        raise AssertionError("_attempts() ends by raising")

    def _transact_from(
        self, known: OwnWrites | None, decide: Callable[["DynamoTransaction"], T]
    ) -> T:
        """Decide on what is known, or on what is read if the commit would not check that.

        Raises:
            WriteConflict: nothing is written.
        """
        try:
            return self._transact_once(decide, DynamoTransaction(self, known))
        except Unchecked:
            return self._transact_once(decide, DynamoTransaction(self))

    def _transact_once(
        self, decide: Callable[["DynamoTransaction"], T], transaction: "DynamoTransaction"
    ) -> T:
        """Return the result after the commit.

        Raises:
            Unchecked: nothing is written, as the commit would not check all that was assumed.
            WriteConflict: nothing is written.
        """
        try:
            result = decide(transaction)
        except Exception as error:
            if transaction.assumed:
                raise Unchecked from error
            raise
        if not transaction.assumed <= transaction.writes.keys():
            raise Unchecked
        try:
            self._commit(transaction)
        except BaseException:
            self.own_writes.forget(transaction.writes)
            raise
        transaction.keep_writes(self.own_writes)
        return result

    def close(self) -> None:
        self._client.close()

    def _commit(self, transaction: "DynamoTransaction") -> None:
        writes = list(transaction.writes.values())
        if not writes:
            return
        try:
            self._client.transact_write_items(TransactItems=writes)
        except self._client.exceptions.TransactionCanceledException as error:
            reasons = set()
            for reason in error.response.get("CancellationReasons", []):
                reasons.add(reason.get("Code", "None"))
            if reasons and reasons <= _RETRIED_REASONS:
                raise WriteConflict(", ".join(sorted(reasons))) from error
            raise

    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        """See ``Reader.get_many``: one request for each ``PAGE`` keys."""
        by_key = self.attributes_of(keys)
        return [_item(by_key[key]) for key in keys if key in by_key]

    def attributes_of(self, keys: Sequence[Key]) -> dict[Key, Attributes]:
        """Return the attributes of the items that exist and have not expired."""
        unique = list(dict.fromkeys(keys))
        by_key: dict[Key, Attributes] = {}
        for start in range(0, len(unique), PAGE):
            for attributes in self._batch(unique[start : start + PAGE]):
                by_key[_key(attributes)] = attributes
        return by_key

    def _batch(self, keys: list[Key]) -> Iterator[Attributes]:
        """Iterate over the attributes of the items under at most ``PAGE`` keys."""
        request = {"Keys": [_key_attributes(key) for key in keys], "ConsistentRead": True}
        requests: dict[str, Any] = {self.name: request}
        attempts = _attempts()
        while requests:
            next(attempts)
            response = self._client.batch_get_item(RequestItems=requests)
            for attributes in response["Responses"].get(self.name, []):
                if not self.has_expired(attributes):
                    yield attributes
            requests = response.get("UnprocessedKeys") or {}

    def has_expired(self, attributes: Attributes) -> bool:
        expires = attributes.get("expires")
        return expires is not None and int(expires["N"]) <= self.clock()


class DynamoTransaction:
    """See ``pipeline.store.table.Transaction``."""

    def __init__(self, table: DynamoTable, known: OwnWrites | None = None):
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
        return _item(attributes) if attributes is not None else None

    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        by_key = self._table.attributes_of(keys)
        for key in keys:
            self._note_version(key, by_key.get(key))
        return [_item(by_key[key]) for key in keys if key in by_key]

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
        request = {"TableName": self._table.name, "Key": _key_attributes(key)}
        request.update(self._condition(key))
        self.writes[key] = {"Delete": request}

    def add(
        self, key: Key, amount: int, *, limit: int | None = None, expires: int | None = None
    ) -> None:
        update = "ADD #used :amount"
        names = {"#used": "used"}
        values = {":amount": {"N": str(amount)}}
        request: dict[str, Any] = {"TableName": self._table.name, "Key": _key_attributes(key)}
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


def _attempts() -> Iterator[int]:
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


def _key(attributes: Attributes) -> Key:
    return Key(attributes["pk"]["S"], attributes["sk"]["S"])


def _key_attributes(key: Key) -> Attributes:
    return {"pk": {"S": key.partition}, "sk": {"S": key.sort}}


def to_attributes(item: Item, version: int) -> Attributes:
    attributes = _key_attributes(item.key)
    attributes["version"] = {"N": str(version)}
    attributes["data"] = _packed(item.data)
    if item.listing is not None:
        attributes["listed"] = {"S": item.listing}
        attributes["listed_at"] = {"S": item.listed_at}
        for name in FILTERS:
            if item.data.get(name) is not None:
                attributes[name] = {"S": item.data[name]}
    if item.expires is not None:
        attributes["expires"] = {"N": str(item.expires)}
    return attributes


def _item(attributes: Attributes) -> Item:
    listing = attributes.get("listed")
    listed_at = attributes.get("listed_at")
    expires = attributes.get("expires")
    return Item(
        key=_key(attributes),
        data=_unpacked(attributes["data"]),
        listing=listing["S"] if listing is not None else None,
        listed_at=listed_at["S"] if listed_at is not None else "",
        expires=int(expires["N"]) if expires is not None else None,
    )


def _packed(data: Mapping[str, Any]) -> dict[str, Any]:
    text = json.dumps(data)
    if len(text) <= COMPRESS_BYTES:
        return {"S": text}
    return {"B": zlib.compress(text.encode())}


def _unpacked(value: Mapping[str, Any]) -> dict[str, Any]:
    text = value["S"] if "S" in value else zlib.decompress(bytes(value["B"]))
    data: dict[str, Any] = json.loads(text)
    return data
