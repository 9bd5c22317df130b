"""Every implementation of the RunStore joins the contract's suite here."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from pipeline.store.dynamodb import DynamoStore, table_definition
from pipeline.store.sqlite import SqliteStore
from pipeline.store.store import RunStore
from tests.stand_ins.moto import moto_client
from tests.stand_ins.runs import Clock

dynamodb_client = cache(lambda: moto_client("dynamodb"))


def open_dynamodb(folder: Path, clock: Clock) -> DynamoStore:
    client = dynamodb_client()
    table = f"runs-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
    with suppress(client.exceptions.ResourceInUseException):
        client.create_table(**table_definition(table))
    return DynamoStore(table, clock=clock, client=client)


OPENERS: dict[str, Callable[[Path, Clock], RunStore]] = {
    "dynamodb": open_dynamodb,
    "sqlite": lambda folder, clock: SqliteStore(folder / "store.sqlite", clock=clock),
}


@pytest.fixture(params=sorted(OPENERS))
def opener(request: pytest.FixtureRequest) -> Callable[[Path, Clock], RunStore]:
    """Opens a store; the same folder is the same store."""
    return OPENERS[request.param]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(
    opener: Callable[[Path, Clock], RunStore], tmp_path: Path, clock: Clock
) -> Iterator[RunStore]:
    opened = opener(tmp_path, clock)
    yield opened
    opened.close()
