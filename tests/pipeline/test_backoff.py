import pytest

from pipeline.backoff import Backoff
from tests.stand_ins.runs import Clock


@pytest.fixture(autouse=True)
def longest_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    def longest(failures: int, *, base: float, cap: float) -> float:
        return min(cap, base * 2**failures)

    monkeypatch.setattr("pipeline.backoff.backoff", longest)


def test_first_try_is_due_at_once():
    assert Backoff(base=1.0, cap=60.0).due


def test_try_after_a_failure_is_due_after_its_delay():
    clock = Clock()
    retry = Backoff(base=1.0, cap=60.0, clock=clock)
    assert retry.fail() == 2.0
    assert not retry.due
    clock.now += 2.0
    assert retry.due


def test_delays_grow_to_the_cap_and_a_success_resets_them():
    retry = Backoff(base=1.0, cap=5.0, clock=Clock())
    assert [retry.fail() for _ in range(4)] == [2.0, 4.0, 5.0, 5.0]
    assert retry.failures == 4
    retry.reset()
    assert retry.failures == 0
    assert retry.due
