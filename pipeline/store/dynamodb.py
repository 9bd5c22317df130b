"""The store for many machines: a DynamoDB table in which every write is conditional."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from pipeline.aws import make_client
from pipeline.store.dynamodb_queries import INDEX, DynamoReadTable, attempts
from pipeline.store.dynamodb_transaction import DynamoTransaction
from pipeline.store.own_writes import OwnWrites
from pipeline.store.store import RunStore
from pipeline.store.table import FILTERS

T = TypeVar("T")

#: Days for which an ended run is kept. (A message lives at most 14 days in SQS.)
KEEP_DAYS = 90.0
#: The ``TimeToLiveSpecification`` of ``update_time_to_live``.
TIME_TO_LIVE: dict[str, Any] = {"Enabled": True, "AttributeName": "expires"}
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


class DynamoTable(DynamoReadTable):
    """See ``pipeline.store.table.Table``."""

    def __init__(self, name: str, client: Any, clock: Callable[[], float]):
        super().__init__(name, client, clock)
        self._own_writes = OwnWrites()

    def transact(self, decide: Callable[[DynamoTransaction], T]) -> T:
        known: OwnWrites | None = self._own_writes
        for _ in attempts():
            try:
                return self._transact_from(known, decide)
            except WriteConflict:
                known = None
        raise AssertionError("attempts() ends by raising")

    def _transact_from(
        self, known: OwnWrites | None, decide: Callable[[DynamoTransaction], T]
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
        self, decide: Callable[[DynamoTransaction], T], transaction: DynamoTransaction
    ) -> T:
        """Return the result after the commit.

        Raises:
            Unchecked: nothing is written, as the commit would not check all that was assumed.
            WriteConflict: nothing is written.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            result = decide(transaction)
        except (BotoCoreError, ClientError):
            raise
        except Exception as error:
            if transaction.assumed:
                raise Unchecked from error
            raise
        if not transaction.assumed <= transaction.writes.keys():
            raise Unchecked
        try:
            self._commit(transaction)
        except BaseException:
            self._own_writes.forget(transaction.writes)
            raise
        transaction.keep_writes(self._own_writes)
        return result

    def _commit(self, transaction: DynamoTransaction) -> None:
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
