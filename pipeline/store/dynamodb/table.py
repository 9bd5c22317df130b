"""The few calls to DynamoDB that the store is made of: strongly consistent reads, transactions, one
index.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pipeline.errors import Retry
from pipeline.store.dynamodb.layout import INDEX, Item, decode, encode, key_of

#: How often a write is tried against others before the run waits.
ATTEMPTS = 10
PAGE = 100
"""Items of one BatchGetItem, DynamoDB's limit."""
#: Why a transaction may be cancelled, for which trying again helps
#: (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
_PASSING = frozenset(
    {
        "None",
        "ConditionalCheckFailed",
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
    }
)


class Overtaken(Exception):
    """Somebody else wrote first, or at the same time: read again, decide again."""


def pause(attempt: int) -> None:
    """Full jitter: 20 ms doubling to 1 s."""
    time.sleep(random.uniform(0.0, min(1.0, 0.02 * 2**attempt)))  # noqa: S311 (no secret)


def attempts() -> Iterator[int]:
    """Count the tries at one write.

    Raises:
        Retry: there have been enough of them.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(attempt)
        yield attempt
    raise Retry(f"the store is too busy: {ATTEMPTS} tries at one write", counts=False)


class Table:
    def __init__(self, name: str, client: Any, clock: Callable[[], float]):
        self.name = name
        self._client = client
        self._clock = clock

    def get(self, pk: str, sk: str) -> Item | None:
        answer = self._client.get_item(
            TableName=self.name, Key=encode({"pk": pk, "sk": sk}), ConsistentRead=True
        )
        return next(self._living([answer["Item"]]), None) if "Item" in answer else None

    def items(self, pk: str, prefix: str) -> list[Item]:
        """By sort key."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self.name,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues=encode({":pk": pk, ":prefix": prefix}),
        )
        return [item for page in pages for item in self._living(page["Items"])]

    def listed(
        self, kind: str, limit: int, *, newest_first: bool, where: dict[str, str]
    ) -> list[Item]:
        """Whole items by way of the index, which may be a moment behind; the items themselves are not.

        ``where``: attribute -> value; a state is looked for among outcomes and states.
        """
        filters = [
            (
                f"(#{name} = :{name} OR #state = :{name})"
                if name == "outcome"
                else f"#{name} = :{name}"
            )
            for name in where
        ]
        names = {"#listed": "listed"} | {f"#{name}": name for name in where}
        options: dict[str, Any] = {"FilterExpression": " AND ".join(filters)} if filters else {}
        pages = self._client.get_paginator("query").paginate(
            TableName=self.name,
            IndexName=INDEX,
            ScanIndexForward=not newest_first,
            KeyConditionExpression="#listed = :listed",
            ExpressionAttributeNames=names | ({"#state": "state"} if "outcome" in where else {}),
            ExpressionAttributeValues=encode(
                {":listed": kind} | {f":{name}": value for name, value in where.items()}
            ),
            PaginationConfig={"PageSize": PAGE if where else min(PAGE, limit)},
            **options,
        )
        found: list[Item] = []
        for page in pages:
            keys = [(item["pk"]["S"], item["sk"]["S"]) for item in page["Items"]]
            items = self._batch(keys) if keys else {}
            found += [items[key] for key in keys if key in items]
            if len(found) >= limit:
                break
        return found[:limit]

    def delete(self, pk: str, sk: str) -> None:
        self._client.delete_item(TableName=self.name, Key=encode({"pk": pk, "sk": sk}))

    def transact(self, writes: list[dict[str, Any]]) -> None:
        """All of them or none.

        Raises:
            Overtaken: a condition does not hold, or another transaction was at the same items.
        """
        try:
            self._client.transact_write_items(TransactItems=writes)
        except self._client.exceptions.TransactionCanceledException as error:
            reasons = {
                reason.get("Code", "None")
                for reason in error.response.get("CancellationReasons", [])
            }
            if reasons and reasons <= _PASSING:
                raise Overtaken(", ".join(sorted(reasons))) from error
            raise

    def change(self, write: dict[str, Any]) -> Item | None:
        """One update by itself: the item as it is now, or None where the condition does not hold."""
        for _ in attempts():
            try:
                return decode(
                    self._client.update_item(**write["Update"], ReturnValues="ALL_NEW")[
                        "Attributes"
                    ]
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return None
            except self._client.exceptions.TransactionConflictException:
                continue
        raise AssertionError("attempts() ends by raising")

    def close(self) -> None:
        self._client.close()

    def _batch(self, keys: list[tuple[str, str]]) -> dict[tuple[str, str], Item]:
        wanted: dict[str, Any] = {
            self.name: {
                "Keys": [encode({"pk": pk, "sk": sk}) for pk, sk in dict.fromkeys(keys)],
                "ConsistentRead": True,
            }
        }
        found: dict[tuple[str, str], Item] = {}
        for _ in attempts():
            answer = self._client.batch_get_item(RequestItems=wanted)
            found |= {
                key_of(item): item for item in self._living(answer["Responses"].get(self.name, []))
            }
            wanted = answer.get("UnprocessedKeys") or {}
            if not wanted:
                break
        return found

    def _living(self, found: Iterable[dict[str, Any]]) -> Iterator[Item]:
        now = self._clock()
        for item in map(decode, found):
            if item.get("expires", now + 1) > now:
                yield item
