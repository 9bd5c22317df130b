"""A collector that prints the traces it gets, to look at one without setting anything up.

``python -m examples.trace_collector [PORT]`` takes OTLP over HTTP on 127.0.0.1 (port 4318, as
collectors do) and prints each run that has ended as a tree of spans, with their seconds and what
they cost.
"""

import contextlib
import gzip
import sys
from collections import defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PORT = 4318
#: The span of the whole run.
RUN = "run"
#: What is shown of a span beside its name and its seconds.
SHOWN = ("coding_agent.round", "coding_agent.step", "coding_agent.outcome", "error.type")


@dataclass
class Trace:
    """The spans of a run that have arrived."""

    spans: list[Span]

    @property
    def is_complete(self) -> bool:
        """Whether the run has ended, and all spans around those that are here have arrived."""
        ids = {span.span_id for span in self.spans}
        outer = [span for span in self.spans if span.parent_span_id not in ids]
        return [span.name for span in outer] == [RUN]

    def lines(self) -> list[str]:
        ids = {span.span_id for span in self.spans}
        children: dict[bytes, list[Span]] = defaultdict(list)
        roots: list[Span] = []
        for span in sorted(self.spans, key=lambda span: span.start_time_unix_nano):
            inside = children[span.parent_span_id] if span.parent_span_id in ids else roots
            inside.append(span)
        lines: list[str] = []
        stack = [(root, 0) for root in reversed(roots)]
        while stack:
            span, depth = stack.pop()
            lines.append(_line(span, depth))
            stack += [(child, depth + 1) for child in reversed(children[span.span_id])]
        return lines


def _line(span: Span, depth: int) -> str:
    seconds = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
    name = f"{'  ' * depth}{span.name}"
    parts = []
    for attribute in span.attributes:
        short = attribute.key.rpartition(".")[2]
        if attribute.key in SHOWN:
            value = attribute.value
            parts.append(f"{short}={value.string_value or value.int_value}")
        elif attribute.key == "coding_agent.cost_usd" and attribute.value.double_value:
            parts.append(f"${attribute.value.double_value:.4f}")
    return f"{name:<48} {seconds:8.3f} s  {' '.join(parts)}".rstrip()


class Collector(HTTPServer):
    """Prints each trace once it is complete."""

    def __init__(self, port: int):
        super().__init__(("127.0.0.1", port), _Handler)
        self._traces: dict[bytes, Trace] = {}

    def add(self, span: Span) -> None:
        trace = self._traces.setdefault(span.trace_id, Trace([]))
        trace.spans.append(span)
        if trace.is_complete:
            print(f"trace {span.trace_id.hex()}", *trace.lines(), sep="\n", flush=True)
            del self._traces[span.trace_id]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        request = ExportTraceServiceRequest.FromString(body)
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    self.server.add(span)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()
        self.wfile.write(ExportTraceServiceResponse().SerializeToString())

    def log_message(self, format: str, *args: object) -> None:
        pass


def main(port: int) -> None:
    collector = Collector(port)
    address = f"http://127.0.0.1:{collector.server_port}"
    print(f"export OTEL_EXPORTER_OTLP_ENDPOINT={address}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        collector.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PORT)
