"""The example collector prints a run's spans as a tree."""

import threading
from collections.abc import Iterator

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from examples.trace_collector import Collector
from pipeline.run_key import RunKey
from pipeline.telemetry import Redactor
from pipeline.telemetry.otel import OtelTracer
from pipeline.telemetry.spans import RunSpan
from pipeline.telemetry.trace_context import RunTrace

RUN = RunTrace.of(RunKey("job-1", 0), None)


@pytest.fixture
def address() -> Iterator[str]:
    server = Collector(0)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_run_is_printed_once_all_of_its_spans_are_there(
    address: str, capsys: pytest.CaptureFixture[str]
):
    exporter = OTLPSpanExporter(endpoint=address)
    tracer = OtelTracer(BatchSpanProcessor(exporter), Redactor([]))
    with tracer.span("delivery", {"coding_agent.delivery": 1}, within=RUN):
        with tracer.span("round", {"coding_agent.round": 1}):
            pass
        attributes = {"coding_agent.outcome": "no_fix", "coding_agent.cost_usd": 0.25}
        tracer.record_run(RunSpan(RUN, 1_000.0, 1_042.0, attributes))
    tracer.close()
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading == f"trace {RUN.trace_id}"
    assert [line.split()[0] for line in lines] == ["run", "delivery", "round"]
    assert [len(line) - len(line.lstrip()) for line in lines] == [0, 2, 4]
    assert lines[0].split() == ["run", "42.000", "s", "outcome=no_fix", "$0.2500"]
