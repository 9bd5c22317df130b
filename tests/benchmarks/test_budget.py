"""The benchmark of the money finds nothing in the real ledger, and finds it where a ledger is
broken.
"""

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


def told(store: SqliteStore, seed: int = 5) -> dict[str, float]:
    world, rows = measure(store, runs=20, seed=seed, lanes=4)
    return summary(world, rows)


def test_no_limit_is_passed_and_no_stored_reply_is_bought_again(store: SqliteStore) -> None:
    found = told(store)
    assert (found["overspend_usd_max"], found["paid_twice"], found["undercounted_usd_max"]) == (
        0.0,
        0,
        0.0,
    )
    assert found["calls_cut"] > 0 and found["waits_for_a_day"] > 0 and found["unfinished"] == 0


def test_a_store_that_forgets_its_limits_is_found(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = store.reserve
    free = MoneyCaps(10**12, 10**12, 10**12)
    monkeypatch.setattr(
        store, "reserve", lambda lease, request, caps: reserve(lease, request, free)
    )
    assert told(store)["overspend_usd_max"] > 0


def test_a_ledger_that_does_not_look_for_stored_replies_is_found(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(self: Ledger, call: object) -> None:
        return None

    monkeypatch.setattr(Ledger, "_find_reply", nothing)
    assert told(store)["paid_twice"] > 0
