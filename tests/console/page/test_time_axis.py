"""Where times are drawn on the timeline."""

from console.html.bars import MIN_WIDTH, WIDTH
from console.page.time_axis import TimeAxis
from console.runs.spans import Span
from console.runs.timeline import Timeline


def timeline(*spans: Span, end: float = 100.0) -> Timeline:
    return Timeline(start=0.0, end=end, spans=spans, moments=())


def test_time_is_drawn_in_proportion() -> None:
    axis = TimeAxis(timeline())
    assert [axis.x(0.0), axis.x(25.0), axis.x(100.0)] == [0.0, WIDTH / 4, WIDTH]
    assert not axis.has_cuts


def test_a_long_wait_is_drawn_as_a_tenth_of_the_work() -> None:
    wait = Span("wait", "wait", 50.0, 10_050.0)
    axis = TimeAxis(timeline(wait, end=10_100.0))
    assert axis.has_cuts
    wait_drawn = axis.x(10_050.0) - axis.x(50.0)
    work_drawn = WIDTH - wait_drawn
    assert round(wait_drawn / work_drawn, 3) == 0.1


def test_a_span_that_has_not_ended_reaches_the_end() -> None:
    axis = TimeAxis(timeline())
    bar = axis.bar(Span("stage", "run_tests", 50.0, None, state="in progress"), "light", "")
    assert bar.x + bar.width == WIDTH


def test_a_call_that_was_never_answered_has_only_its_start() -> None:
    axis = TimeAxis(timeline())
    span = Span("call", "a call", 50.0, None, state="failed")
    assert axis.seconds(span) == 0.0
    assert axis.bar(span, "bad", "").width == MIN_WIDTH


def test_a_run_without_a_duration_can_be_drawn() -> None:
    axis = TimeAxis(timeline(end=0.0))
    assert axis.bar(Span("stage", "fetch_issue", 0.0, 0.0), "", "").width > 0
