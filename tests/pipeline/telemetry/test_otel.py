"""Spans in OpenTelemetry's SDK."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import StatusCode

from pipeline.run_key import RunKey
from pipeline.telemetry import Redactor, otel
from pipeline.telemetry.otel import OtelTracer
from pipeline.telemetry.spans import NoTracer, RunSpan
from pipeline.telemetry.trace_context import RunTrace
from tests.stand_ins.spans import Spans

PATIENCE = 20.0
SENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
KEY = RunKey("job-1", 0)
OWN = RunTrace.of(KEY, None)
SENDERS = RunTrace.of(KEY, SENT)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def spans() -> Spans:
    return Spans(secrets=["ghp_secret"])


def ended_run(trace: RunTrace) -> RunSpan:
    return RunSpan(trace, began=1_000.0, ended=1_060.5, attributes={"coding_agent.job_id": "job-1"})


def test_deliveries_on_two_machines_are_parts_of_one_run(spans: Spans):
    for name in ("first", "second"):
        with spans.tracer.span(name, {}, within=OWN):
            pass
    spans.tracer.record_run(ended_run(OWN))
    root = spans.root()
    assert root.outline() == ["run", ["first"], ["second"]]
    assert root.seconds == 60.5
    assert root.span.parent is None
    assert {f"{span.context.trace_id:032x}" for span in spans.all} == {KEY.trace}


def test_a_run_continues_its_senders_trace(spans: Spans):
    with spans.tracer.span("delivery", {}, within=SENDERS):
        pass
    spans.tracer.record_run(ended_run(SENDERS))
    parent = spans.root().span.parent
    assert parent is not None
    assert f"{parent.trace_id:032x}-{parent.span_id:016x}" == SENT[3:-3]


def test_spans_nest_across_tasks_and_threads(spans: Spans):
    def in_thread() -> None:
        with spans.tracer.span("thread", {}):
            pass

    async def in_task() -> None:
        with spans.tracer.span("task", {}):
            await asyncio.to_thread(in_thread)

    async def deliver() -> None:
        with spans.tracer.span("delivery", {}, within=OWN):
            await asyncio.create_task(in_task())

    asyncio.run(deliver())
    assert spans.root().outline() == ["delivery", ["task", ["thread"]]]


def test_an_exception_is_recorded_by_its_class_alone(spans: Spans):
    with pytest.raises(ValueError, match="the prompt"), spans.tracer.span("stage", {}):
        raise ValueError("the prompt was: please fix")
    (span,) = spans.all
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert dict(span.attributes or {}) == {"error.type": "ValueError"}
    assert span.events == ()


def test_an_interruption_is_no_error(spans: Spans):
    with pytest.raises(asyncio.CancelledError), spans.tracer.span("stage", {}):
        raise asyncio.CancelledError
    (span,) = spans.all
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes or {}) == {"coding_agent.ending": "interrupted"}


def test_attributes_are_redacted(spans: Spans):
    with spans.tracer.span("delivery", {"coding_agent.job_id": "ghp_secret-1"}) as span:
        span.set({"gen_ai.request.model": "ghp_secret"})
    spans.tracer.record_run(RunSpan(OWN, 0.0, 1.0, {"coding_agent.job_id": "ghp_secret"}))
    assert "ghp_secret" not in repr([span.to_json() for span in spans.all])


def test_the_run_passes_on_where_its_own_span_will_be(spans: Spans):
    traceparent = spans.tracer.traceparent(OWN)
    spans.tracer.record_run(ended_run(OWN))
    context = spans.root().span.context
    assert traceparent == f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


def test_without_opentelemetry_a_run_passes_on_what_its_sender_said():
    tracer = NoTracer()
    with tracer.span("delivery", {}, within=SENDERS) as span:
        span.set({"a": 1})
    assert tracer.traceparent(SENDERS) == SENT
    assert tracer.traceparent(OWN) is None


def test_a_sender_that_is_not_sampled_is_respected(spans: Spans):
    unsampled = RunTrace.of(KEY, SENT[:-2] + "00")
    with spans.tracer.span("delivery", {}, within=unsampled):
        pass
    spans.tracer.record_run(ended_run(unsampled))
    assert spans.all == ()
    assert str(spans.tracer.traceparent(unsampled)).endswith("-00")


def test_the_standard_variables_choose_sampler_and_resource(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=staging")
    spans = Spans()
    with spans.tracer.span("delivery", {}, within=OWN):
        pass
    (span,) = spans.all
    assert span.resource.attributes["service.name"] == "coding-agent"
    assert span.resource.attributes["deployment.environment.name"] == "staging"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "fixer")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    quiet = Spans()
    with quiet.tracer.span("delivery", {}, within=OWN):
        pass
    quiet.tracer.record_run(ended_run(OWN))
    assert quiet.all == ()


class HangingExporter(SpanExporter):
    """A collector that never answers."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go_on = threading.Event()

    def export(self, spans: object) -> SpanExportResult:
        self.asked.set()
        self.go_on.wait(PATIENCE)
        return SpanExportResult.FAILURE


@pytest.fixture
def hanging() -> Iterator[HangingExporter]:
    exporter = HangingExporter()
    yield exporter
    exporter.go_on.set()


def test_closing_waits_for_the_last_spans_but_not_for_ever(
    hanging: HangingExporter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(otel, "CLOSE_SECONDS", 0.05)
    tracer = OtelTracer(BatchSpanProcessor(hanging), Redactor([]))
    with tracer.span("delivery", {}, within=OWN):
        pass
    tracer.close()
    assert hanging.asked.is_set(), "the span was on its way"
    assert not hanging.go_on.is_set(), "and it was not waited for"
    (message,) = caplog.messages
    assert message.startswith("the last spans were not sent within 0.05 s")


def test_closing_sends_the_last_spans(caplog: pytest.LogCaptureFixture):
    sent: list[ReadableSpan] = []

    class Exporter(SpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            sent.extend(spans)  # type: ignore[call-overload]
            return SpanExportResult.SUCCESS

    tracer = OtelTracer(BatchSpanProcessor(Exporter()), Redactor([]))
    with tracer.span("delivery", {}, within=OWN):
        pass
    tracer.close()
    assert [span.name for span in sent] == ["delivery"]
    assert caplog.messages == []
