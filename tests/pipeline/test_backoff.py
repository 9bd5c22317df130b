import pytest

from pipeline.backoff import Backoff, backoff
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


def test_backoff_grows_to_its_cap_and_never_exceeds_it():
    longest = []
    for failures in (0, 1, 3, 50):
        delays = [backoff(failures, base=5, cap=900) for _ in range(500)]
        longest.append(max(delays))
        assert min(delays) >= 0
    assert longest == sorted(longest)
    assert 4 < longest[0] <= 5 < longest[1] <= 10 and 800 < longest[3] <= 900
