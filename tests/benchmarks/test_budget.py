"""The benchmark finds no loss in the real ledger, and finds it where a ledger is broken."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.budget import clock, measure, summary
from pipeline.model.ledger import Ledger
from pipeline.store.contract import MoneyCaps
from pipeline.store.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store.sqlite", clock=clock)
    yield opened
    opened.close()


def run_benchmark(store: SqliteStore) -> dict[str, float]:
    world, rows = measure(store, runs=20, seed=5, lanes=4)
    return summary(world, rows)


def test_no_limit_is_exceeded_and_no_stored_reply_is_bought_again(store: SqliteStore) -> None:
    numbers = run_benchmark(store)
    assert numbers["overspend_usd_max"] == 0.0
    assert numbers["paid_twice"] == 0
    assert numbers["undercounted_usd_max"] == 0.0
    assert numbers["unfinished"] == 0
    assert numbers["calls_cut"] > 0
    assert numbers["waits_for_a_day"] > 0


def test_a_store_that_forgets_its_limits_is_found(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = store.reserve
    no_limits = MoneyCaps(10**12, 10**12, 10**12)
    monkeypatch.setattr(
        store, "reserve", lambda lease, request, caps: reserve(lease, request, no_limits)
    )
    assert run_benchmark(store)["overspend_usd_max"] > 0


def test_a_ledger_that_does_not_look_for_stored_replies_is_found(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def find_nothing(self: Ledger, key: str) -> None:
        return None

    monkeypatch.setattr(Ledger, "find_reply", find_nothing)
    assert run_benchmark(store)["paid_twice"] > 0
