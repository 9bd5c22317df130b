"""W3C trace context, and a run's place in a trace."""

import pytest

from pipeline.run_key import RunKey
from pipeline.telemetry.trace_context import RunTrace, TraceContext, first_context

SENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
KEY = RunKey("job-1", 0)


def test_a_traceparent_is_read_and_written():
    context = TraceContext.parse(SENT)
    assert context == TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", True)
    assert str(context) == SENT
    unsampled = TraceContext.parse(SENT[:-2] + "02")
    assert unsampled is not None and not unsampled.sampled


def test_a_later_version_may_be_longer():
    context = TraceContext.parse("01" + SENT[2:] + "-what-comes-later")
    assert context is not None and str(context) == SENT


@pytest.mark.parametrize(
    "text",
    [
        "",
        SENT.upper(),
        "ff" + SENT[2:],
        SENT + "-more",
        "00-" + "0" * 32 + SENT[35:],
        SENT[:36] + "0" * 16 + "-01",
        SENT + "\n",
        " " + SENT,
        SENT.replace("-", ""),
    ],
)
def test_what_is_no_traceparent_is_ignored(text: str):
    assert TraceContext.parse(text) is None


def test_the_first_valid_one_counts():
    assert str(first_context([None, "", "nonsense", SENT])) == SENT
    assert first_context([None, "nonsense"]) is None


def test_a_run_is_in_its_senders_trace_or_in_its_own():
    assert RunTrace.of(KEY, SENT).trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert RunTrace.of(KEY, None).trace_id == KEY.trace


def test_each_delivery_of_a_run_derives_the_same_ids_and_each_run_its_own():
    assert RunTrace.of(KEY, None) == RunTrace.of(RunKey("job-1", 0), None)
    other = RunTrace.of(RunKey("job-1", 1), None)
    own = RunTrace.of(KEY, None)
    assert {own.span_id, own.trace_id}.isdisjoint({other.span_id, other.trace_id})


def test_a_sender_can_not_make_a_runs_span_its_own_parent():
    foreseen = RunTrace.of(KEY, None).span_id
    trace = RunTrace.of(KEY, f"00-{'a' * 32}-{foreseen}-01")
    assert trace.sender is not None and trace.sender.span_id == foreseen
    assert trace.span_id != foreseen
