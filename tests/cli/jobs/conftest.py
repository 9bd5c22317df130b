from collections.abc import Iterator

import pytest

from pipeline.outcome import Outcome
from pipeline.store.contract import Checkpoint, MoneyCaps, Round
from pipeline.store.sqlite import SqliteStore
from tests.cli.console import Console
from tests.stand_ins.runs import call_request, claim, finish, job


@pytest.fixture
def store(console: Console) -> Iterator[SqliteStore]:
    """The store that the commands open, at its default path."""
    store = SqliteStore(console.data_dir / "store.sqlite")
    yield store
    store.close()


@pytest.fixture
def ended(store: SqliteStore) -> str:
    """A job with two generations: one that found no fix in two rounds, and one that opened a pull
    request.
    """
    first = claim(store)
    store.save_checkpoint(first.lease, Checkpoint(1, "fetch_issue", "{}", False, 1.5, 1.0))
    caps = MoneyCaps(10**6, 10**6, 10**6)
    call = store.reserve(first.lease, call_request(9, key="1/x", day="2026-01-01"), caps)
    store.settle(first.lease, call, micro_usd=2_500)
    store.open_round(
        first.lease, Round(2, "propose_patch", "\n\x1b[31mTests fail\x1b[0m\nmore"), 0.5
    )
    finish(store, first, Outcome.NO_FIX)
    second = claim(store, job(replay={"id": "again"}))
    store.intend(second.lease, "push", {"branch": "b"})
    store.record(second.lease, "push", {"sha": "abc"})
    finish(store, second, Outcome.PR_OPENED)
    return job().id
