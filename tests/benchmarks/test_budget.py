"""The benchmark finds no loss in the real ledger, and finds it where a ledger is broken."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import model_outage
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
    assert numbers["uncharged_not_released"] == 0
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


@pytest.fixture(scope="module")
def outage() -> dict[str, float]:
    return model_outage.measure(jobs=4, hours=24.0, seed=1)


def test_a_day_without_the_model_ends_no_run_and_buys_nothing_twice(
    outage: dict[str, float],
) -> None:
    assert outage["outage_done"] == outage["outage_jobs"] == 4
    assert outage["outage_bought_twice"] == 0
    assert outage["outage_tries_used"] == 0
    assert outage["outage_failed_calls"] > 100


def test_calls_that_cost_nothing_are_not_counted_and_others_are(outage: dict[str, float]) -> None:
    assert outage["outage_settled_unanswered_usd"] == 0.0
    assert outage["outage_undercounted_usd_max"] == 0.0
    assert 0.0 < outage["outage_kept_usd"] < 4 * 0.5


def test_an_outage_that_ends_runs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.engine.engine.MAX_WAITING", 3600.0)
    numbers = model_outage.measure(jobs=2, hours=3.0, seed=1)
    assert numbers["outage_runs_ended_by_it"] > 0
