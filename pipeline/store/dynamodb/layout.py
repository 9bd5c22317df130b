"""The table: its keys, its index, and how values become DynamoDB's.

| pk                 | sk                             | what                                                         |
|--------------------|--------------------------------|--------------------------------------------------------------|
| ``job#JOB_ID``     | ``job``                        | the first body's digest, the newest generation               |
| ``job#JOB_ID``     | ``run#GENERATION``             | the run, its lease, and ``version``, which counts its writes |
| ``job#JOB_ID``     | ``replay#REPLAY_ID``           | the generation that a replay made                            |
| ``job#JOB_ID``     | ``KIND#GENERATION#VERSION``    | a point, round, effect, call or history, by the write it is of |
| ``job#JOB_ID``     | ``open#GENERATION``            | beside a run for as long as it has no outcome                |
| ``event#EVENT_ID`` | ``event``                      | an event that waits for its publication                      |
| ``day#YYYY-MM-DD`` | ``total`` or ``repository#NAME`` | micro-dollars reserved and settled that day                |

The index ``listed`` holds runs (``listed`` = ``run``), once more those without an outcome
(``open``), and events that wait (``pending``), by time. An item past its ``expires`` (epoch
seconds) is gone for every reader, whenever DynamoDB comes round to delete it."""

import re
import zlib
from collections.abc import Mapping
from typing import Any

Item = dict[str, Any]

INDEX = "listed"
#: What ``update_time_to_live`` is given as ``TimeToLiveSpecification``.
TIME_TO_LIVE: dict[str, Any] = {"Enabled": True, "AttributeName": "expires"}
#: Bytes above which a text is stored compressed: an item takes 400 KB, a write costs by the KB
#: (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
COMPRESS_BYTES = 4_000
_FLOATS = frozenset({"at", "created_at", "finished_at", "lease_expires_at", "seconds"})


def table_definition(name: str) -> dict[str, Any]:
    """What ``create_table`` is given; the time to live is set by a call of its own, with
    ``TIME_TO_LIVE``.
    """
    keys = ("pk", "sk", "listed", "listed_at")
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
        "KeySchema": _schema("pk", "sk"),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": INDEX,
                "KeySchema": _schema("listed", "listed_at"),
                "Projection": {
                    "ProjectionType": "INCLUDE",
                    "NonKeyAttributes": ["state", "outcome", "repository"],
                },
            }
        ],
    }


def _schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


def job_pk(job_id: str) -> str:
    return f"job#{job_id}"


def run_sk(generation: int) -> str:
    return f"run#{generation:06d}"


def open_sk(generation: int) -> str:
    return f"open#{generation:06d}"


def part_sk(kind: str, generation: int, version: int | None = None) -> str:
    """Where a run's parts of a kind are, in the order in which they were written; without a
    version, their prefix.
    """
    return f"{kind}#{generation:06d}#{'' if version is None else f'{version:08d}'}"


def event_pk(event_id: str) -> str:
    return f"event#{event_id}"


def spend_key(day: str, repository: str | None) -> tuple[str, str]:
    return f"day#{day}", f"repository#{repository}" if repository else "total"


def time_key(now: float, tie: object) -> str:
    """Sorts by time; ``tie`` tells what was written at the same moment apart."""
    return f"{now:017.6f}#{tie}"


def key_of(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["pk"], item["sk"]


def encode(values: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as DynamoDB takes them; None is left out."""
    return {name: _encoded(value) for name, value in values.items() if value is not None}


def _encoded(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": repr(value)}
        case str():
            data = value.encode()
            return {"S": value} if len(data) <= COMPRESS_BYTES else {"B": zlib.compress(data)}
    raise TypeError(f"no DynamoDB value: {type(value).__name__}")


def decode(attributes: Mapping[str, Any]) -> Item:
    return {name: _decoded(name, value) for name, value in attributes.items()}


def _decoded(name: str, value: Mapping[str, Any]) -> Any:
    ((kind, held),) = value.items()
    match kind:
        case "N":
            return float(held) if name in _FLOATS else int(held)
        case "B":
            return zlib.decompress(bytes(held)).decode()
    return held


def put(table: str, item: Item, condition: str = "", **values: Any) -> dict[str, Any]:
    """One write of a transaction. In conditions ``#name`` is an attribute and ``:name`` one of
    ``values``.
    """
    return {"Put": {"TableName": table, "Item": encode(item)} | _expressions(condition, {}, values)}


def delete(table: str, key: tuple[str, str]) -> dict[str, Any]:
    """One write of a transaction."""
    return {"Delete": {"TableName": table, "Key": _place(key)}}


def _place(key: tuple[str, str]) -> dict[str, Any]:
    return encode(dict(zip(("pk", "sk"), key, strict=True)))


def update(
    table: str,
    key: tuple[str, str],
    changes: Item,
    condition: str = "",
    *,
    add: Item | None = None,
    **values: Any,
) -> dict[str, Any]:
    """One write of a transaction: what ``changes`` sets (None: removes), what ``add`` adds."""
    kept = {name: value for name, value in changes.items() if value is not None}
    said = [
        "SET " + ", ".join(f"#{name} = :new_{name}" for name in kept) if kept else "",
        (
            "REMOVE " + ", ".join(f"#{name}" for name in changes if name not in kept)
            if len(kept) < len(changes)
            else ""
        ),
        "ADD " + ", ".join(f"#{name} :add_{name}" for name in add) if add else "",
    ]
    expression = {"UpdateExpression": " ".join(filter(None, said))}
    given = {f"new_{name}": value for name, value in kept.items()}
    given |= {f"add_{name}": value for name, value in (add or {}).items()} | values
    place = {"TableName": table, "Key": _place(key)}
    return {"Update": place | _expressions(condition, expression, given)}


def _expressions(condition: str, more: dict[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Every name goes through an alias: DynamoDB reserves several hundred words, ``state`` among
    them.
    """
    said = more | ({"ConditionExpression": condition} if condition else {})
    names = {f"#{name}": name for text in said.values() for name in re.findall(r"#(\w+)", text)}
    told: dict[str, Any] = dict(said)
    if names:
        told["ExpressionAttributeNames"] = names
    if values:
        told["ExpressionAttributeValues"] = {
            f":{name}": value for name, value in encode(values).items()
        }
    return told
