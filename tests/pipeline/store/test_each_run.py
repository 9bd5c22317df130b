"""Iterating over all runs of a store."""

import pytest

from pipeline.store import reader
from pipeline.store.store import RunStore
from tests.pipeline.store.submissions import register
from tests.stand_ins.runs import START, Clock, job


@pytest.fixture(autouse=True)
def page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "PAGE", 2)


def register_runs(store: RunStore, clock: Clock, count: int) -> None:
    """Register runs of the issues 1 to ``count``, one a second."""
    for number in range(1, count + 1):
        register(store, job(number))
        clock.now += 1


def issues(store: RunStore, since: float | None = None) -> list[int]:
    """Return the numbers of the runs' issues."""
    return [int(run.issue_url.rpartition("/")[2]) for run in store.each_run(since=since)]


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_all_runs_are_returned_newest_first(store: RunStore, clock: Clock, count: int) -> None:
    register_runs(store, clock, count)
    assert issues(store) == list(range(count, 0, -1))


def test_older_runs_are_left_out(store: RunStore, clock: Clock) -> None:
    register_runs(store, clock, 5)
    assert issues(store, since=START + 2) == [5, 4, 3]


def test_runs_of_the_same_moment_are_returned_once_each(store: RunStore) -> None:
    for number in range(1, 6):
        register(store, job(number))
    assert sorted(issues(store)) == [1, 2, 3, 4, 5]


def test_a_run_that_is_created_meanwhile_does_not_disturb(store: RunStore, clock: Clock) -> None:
    register_runs(store, clock, 3)
    runs = store.each_run()
    first = next(runs)
    register(store, job(9))
    rest = [run.issue_url.rpartition("/")[2] for run in runs]
    assert (first.issue_url.rpartition("/")[2], rest) == ("3", ["2", "1"])
