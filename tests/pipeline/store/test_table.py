"""What each database does with items: the same, so that the store decides everything once."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.store.dynamodb import DynamoTable, table_definition
from pipeline.store.sqlite import SqliteTable
from pipeline.store.table import Item, Key, Span, Table, Transaction
from tests.pipeline.store.conftest import dynamodb_client
from tests.stand_ins.runs import Clock

KEY = Key("job#1", "run#1")
COUNTER = Key("day#1", "total")


def open_dynamodb(folder: Path) -> Table:
    client = dynamodb_client()
    name = f"items-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
    with suppress(client.exceptions.ResourceInUseException):
        client.create_table(**table_definition(name))
    return DynamoTable(name, client, Clock())


def open_sqlite(folder: Path) -> Table:
    return SqliteTable(folder / "store.sqlite")


OPENERS: dict[str, Callable[[Path], Table]] = {"dynamodb": open_dynamodb, "sqlite": open_sqlite}


@pytest.fixture(params=sorted(OPENERS))
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Table]:
    opened = OPENERS[request.param](tmp_path)
    yield opened
    opened.close()


def put(table: Table, *items: Item) -> None:
    def write(tx: Transaction) -> None:
        for item in items:
            tx.put(item)

    table.transact(write)


def sorts(items: list[Item]) -> list[str]:
    return [item.key.sort for item in items]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"text": "ü 🎉 \0", "number": 1, "float": 1.0, "none": None, "list": [True, {"a": []}]},
        {"long": "x" * 100_000},
    ],
)
def test_an_item_is_read_as_it_was_written(table: Table, data: dict[str, object]):
    item = Item(KEY, data, listing="run", listed_at="1")
    put(table, item)
    assert table.get(KEY) == item
    read = table.get(KEY)
    assert read is not None
    assert repr(read.data) == repr(data)


def test_an_item_is_replaced_as_a_whole(table: Table):
    put(table, Item(KEY, {"a": 1, "b": 2}, listing="run", listed_at="1"))
    put(table, Item(KEY, {"a": 3}))
    assert table.get(KEY) == Item(KEY, {"a": 3})
    assert table.listed("run", limit=5, newest_first=True, where={}) == []


def test_a_deleted_item_is_gone(table: Table):
    put(table, Item(KEY, {}))
    table.transact(lambda tx: tx.delete(KEY))
    table.transact(lambda tx: tx.delete(KEY))
    assert table.get(KEY) is None


def test_a_query_finds_the_keys_with_a_prefix_in_order(table: Table):
    names = ("call#2", "call#10", "call#1", "calls", "call", "round#1")
    put(table, *[Item(Key("job#1", name), {}) for name in names])
    put(table, Item(Key("job#2", "call#3"), {}))
    assert sorts(table.query("job#1", "call#")) == ["call#1", "call#10", "call#2"]


def test_the_newest_items_with_a_prefix_are_the_last_of_the_query(table: Table):
    names = ("call#1", "call#2", "call#3", "calm#9", "round#1")
    put(table, *[Item(Key("job#1", name), {}) for name in names])
    assert sorts(table.newest("job#1", "call#", 2)) == ["call#3", "call#2"]
    assert sorts(table.newest("job#1", "call#", 9)) == ["call#3", "call#2", "call#1"]


def test_a_listing_is_sorted_limited_and_filtered(table: Table):
    for number in range(1, 5):
        data = {"status": "failed" if number % 2 else "no_fix", "repository": f"o/{number}"}
        key = Key(f"job#{number}", "run")
        put(table, Item(key, data, listing="run", listed_at=str(number)))
    put(table, Item(Key("job#9", "open"), {}, listing="open", listed_at="0"))

    def numbers(limit: int, newest_first: bool, **where: str) -> list[str]:
        items = table.listed("run", limit=limit, newest_first=newest_first, where=where)
        return [item.key.partition.removeprefix("job#") for item in items]

    assert numbers(9, True) == ["4", "3", "2", "1"]
    assert numbers(2, False) == ["1", "2"]
    assert numbers(9, True, status="failed") == ["3", "1"]
    assert numbers(1, True, status="failed") == ["3"]
    assert numbers(9, True, status="failed", repository="o/1") == ["1"]


def test_a_span_of_a_listing_includes_its_start_and_not_its_end(table: Table):
    for number in range(1, 6):
        data = {"status": "failed" if number % 2 else "no_fix"}
        key = Key(f"job#{number}", "run")
        put(table, Item(key, data, listing="run", listed_at=f"{number}#run"))

    def numbers(within: Span, limit: int = 9, **where: str) -> list[str]:
        items = table.listed("run", limit=limit, newest_first=True, where=where, within=within)
        return [item.key.partition.removeprefix("job#") for item in items]

    assert numbers(Span(before="4#run")) == ["3", "2", "1"]
    assert numbers(Span(since="2#run", before="4#run")) == ["3", "2"]
    assert numbers(Span(since="4")) == ["5", "4"]
    assert numbers(Span(before="4#run"), limit=2) == ["3", "2"]
    assert numbers(Span(before="5#run"), status="failed") == ["3", "1"]
    assert numbers(Span(since="4", before="2")) == numbers(Span(before="!")) == []


def test_a_counter_starts_at_zero_and_adds(table: Table):
    assert table.counter(COUNTER) == 0
    table.transact(lambda tx: tx.add(COUNTER, 7, limit=7))
    table.transact(lambda tx: tx.add(COUNTER, -2))
    assert table.counter(COUNTER) == 5


def test_the_counters_of_a_partition_are_read_by_prefix(table: Table):
    table.transact(lambda tx: tx.add(COUNTER, 9))
    for name in ("b", "a"):
        key = Key("day#1", f"repository#o/{name}")
        table.transact(lambda tx, key=key: tx.add(key, 3))
    table.transact(lambda tx: tx.add(Key("day#2", "repository#o/a"), 5))
    counters = table.counters("day#1", "repository#")
    assert counters == {"repository#o/a": 3, "repository#o/b": 3}
    assert table.counters("day#3", "repository#") == {}


def test_a_transaction_reads_items_and_counters(table: Table):
    item = Item(KEY, {"a": 1})
    put(table, item)
    table.transact(lambda tx: tx.add(COUNTER, 3))
    read = table.transact(lambda tx: (tx.get(KEY), tx.query("job#1", "run#"), tx.counter(COUNTER)))
    assert read == (item, [item], 3)


def test_a_transaction_that_raises_writes_nothing(table: Table):
    put(table, Item(KEY, {"a": 1}))

    def fail(tx: Transaction) -> None:
        item = tx.get(KEY)
        assert item is not None
        tx.put(replace(item, data={"a": 2}))
        tx.add(COUNTER, 1)
        tx.delete(Key("job#1", "other"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        table.transact(fail)
    assert table.get(KEY) == Item(KEY, {"a": 1})
    assert table.counter(COUNTER) == 0
