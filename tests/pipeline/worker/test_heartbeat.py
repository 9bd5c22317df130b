import io
import json
import threading
from collections.abc import Callable

from pipeline import telemetry
from pipeline.errors import LeaseLost
from pipeline.worker.heartbeat import Heartbeat

PATIENCE = 20.0


class Beats:
    """Count beats; ``at(n)`` is set by the n-th. ``does`` is called with each beat's number."""

    def __init__(self, does: Callable[[int], bool] = lambda _: False):
        self.count = 0
        self._does = does
        self._reached: dict[int, threading.Event] = {}

    def at(self, number: int) -> threading.Event:
        return self._reached.setdefault(number, threading.Event())

    def __call__(self) -> bool:
        self.count += 1
        number = self.count
        try:
            return self._does(number)
        finally:
            self.at(number).set()


def unexpected(*_: object) -> None:
    raise AssertionError("this callback must not be called")


def watch(
    heartbeat: Heartbeat, key: str, beats: Beats, on_lost=unexpected, on_cancel=unexpected
) -> None:
    heartbeat.watch(key, beats, on_lost=on_lost, on_cancel=on_cancel)


async def test_heart_beats_while_the_event_loop_is_blocked():
    beats = Beats()
    with Heartbeat(0.01, lease_seconds=60) as heartbeat:
        second = beats.at(2)
        watch(heartbeat, "run", beats)
        assert second.wait(PATIENCE), "this wait blocks the loop's own thread"


def test_unwatch_waits_for_the_current_beat_and_no_beat_follows_it():
    begun = threading.Event()
    go_on = threading.Event()
    unwatched = threading.Event()

    def slow(_: int) -> bool:
        begun.set()
        assert go_on.wait(PATIENCE)
        assert not unwatched.is_set(), "unwatch returned in the middle of a beat"
        return False

    beats = Beats(slow)
    other = Beats()
    with Heartbeat(0.01, lease_seconds=60) as heartbeat:
        watch(heartbeat, "run", beats)
        assert begun.wait(PATIENCE)
        ending = threading.Thread(target=lambda: (heartbeat.unwatch("run"), unwatched.set()))
        ending.start()
        go_on.set()
        ending.join(PATIENCE)
        assert unwatched.is_set()
        counted = beats.count
        third = other.at(3)
        watch(heartbeat, "other", other)
        assert third.wait(PATIENCE)
        assert beats.count == counted


def test_lost_lease_is_reported_once_and_ends_the_beats():
    def lose_lease(_: int) -> bool:
        raise LeaseLost("another worker has it")

    reasons: list[str] = []
    beats = Beats(lose_lease)
    other = Beats()
    with Heartbeat(0.01, lease_seconds=60) as heartbeat:
        watch(heartbeat, "run", beats, on_lost=reasons.append)
        third = other.at(3)
        watch(heartbeat, "other", other)
        assert third.wait(PATIENCE)
    assert (reasons, beats.count) == (["another worker has it"], 1)


def test_lease_is_lost_when_the_store_is_down_for_its_length():
    def down(_: int) -> bool:
        raise ConnectionError("no answer")

    lost = threading.Event()
    with Heartbeat(0.01, lease_seconds=0.05) as heartbeat:
        watch(heartbeat, "run", Beats(down), on_lost=lambda why: lost.set())
        assert lost.wait(PATIENCE)


def test_beat_that_fails_once_is_tried_again_and_nothing_is_lost():
    def down_once(number: int) -> bool:
        if number == 1:
            raise ConnectionError("no answer")
        return False

    beats = Beats(down_once)
    third = beats.at(3)
    with Heartbeat(0.01, lease_seconds=60) as heartbeat:
        watch(heartbeat, "run", beats)
        assert third.wait(PATIENCE)


def test_cancellation_is_reported_once_and_the_beats_continue():
    cancellations: list[bool] = []
    beats = Beats(lambda _: True)
    fourth = beats.at(4)
    with Heartbeat(0.01, lease_seconds=60) as heartbeat:
        watch(heartbeat, "run", beats, on_cancel=lambda: cancellations.append(True))
        assert fourth.wait(PATIENCE)
    assert cancellations == [True]


def test_failing_callback_stops_no_other_run():
    beats = Beats()
    third = beats.at(3)
    with Heartbeat(0.01, lease_seconds=60) as heartbeat:
        watch(heartbeat, "run", Beats(lambda _: True), on_cancel=unexpected)
        watch(heartbeat, "other", beats)
        assert third.wait(PATIENCE)


def test_lateness_is_recorded_when_one_beat_holds_up_the_next():
    now = [0.0]

    def takes_five_seconds_once(number: int) -> bool:
        if number == 1:
            now[0] += 5.0
        return False

    late = Beats()
    first = late.at(1)
    with Heartbeat(1.0, lease_seconds=60, clock=lambda: now[0]) as heartbeat:
        watch(heartbeat, "slow", Beats(takes_five_seconds_once))
        watch(heartbeat, "late", late)
        now[0] = 1.0
        watch(heartbeat, "wakes the thread", Beats())
        assert first.wait(PATIENCE)
    assert list(heartbeat.lateness)[:2] == [0.0, 5.0]


def test_leaving_the_context_ends_the_thread():
    beats = Beats()
    with Heartbeat(0.01, lease_seconds=60) as heartbeat:
        first = beats.at(1)
        watch(heartbeat, "run", beats)
        assert first.wait(PATIENCE)
    assert "heartbeat" not in [thread.name for thread in threading.enumerate()]


def test_idle_heartbeat_turns_once_an_interval_and_a_stuck_one_does_not():
    now = [0.0]
    turned = threading.Event()
    stuck = threading.Event()

    def clock() -> float:
        if threading.current_thread().name == "heartbeat":
            turned.set()
        return now[0]

    def sticks(_: int) -> bool:
        begun.set()
        assert stuck.wait(PATIENCE)
        return False

    begun = threading.Event()
    with Heartbeat(0.01, lease_seconds=60, clock=clock) as heartbeat:
        for _ in range(2):
            now[0] += 100.0
            turned.clear()
            assert turned.wait(PATIENCE)
        watch(heartbeat, "sticks", Beats(sticks))
        now[0] += 1.0
        assert begun.wait(PATIENCE)
        now[0] += 500.0
        assert heartbeat.seconds_idle == 500.0
        stuck.set()


def test_lateness_is_drained_once():
    beats = Beats()
    with Heartbeat(0.01, lease_seconds=60) as heartbeat:
        third = beats.at(3)
        watch(heartbeat, "run", beats)
        assert third.wait(PATIENCE)
        heartbeat.unwatch("run")
        assert len(heartbeat.drain_lateness()) >= 3
        assert heartbeat.drain_lateness() == []


def test_log_lines_of_a_beat_have_the_fields_of_its_run(stream: io.StringIO):
    telemetry.configure(stream=stream)

    def fail(number: int) -> bool:
        if number == 1:
            raise ConnectionError("the store is down")
        return False

    beats = Beats(fail)
    second = beats.at(2)
    with Heartbeat(0.01, lease_seconds=60) as heartbeat:
        with telemetry.bound(job_id="j1", generation=2):
            watch(heartbeat, "run", beats)
        assert second.wait(PATIENCE)
    (line,) = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (line["level"], line["job_id"], line["generation"]) == ("warning", "j1", 2)
