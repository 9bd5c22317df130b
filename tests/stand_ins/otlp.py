"""A collector of traces: it takes OTLP over HTTP, as protobuf."""

import gzip
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.stand_ins.http_thread import HttpThread


@dataclass(frozen=True)
class Received:
    """One request of an exporter."""

    path: str
    headers: dict[str, str]
    """By their names in lower case."""
    service: str
    spans: tuple[str, ...]
    """The names of its spans."""


class Collector(HttpThread):
    """Accepts all spans, and remembers their names."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                assert headers["content-type"] == "application/x-protobuf"
                if headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                received.append(_read(self.path, headers, body))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.end_headers()
                self.wfile.write(ExportTraceServiceResponse().SerializeToString())

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(Handler)


def _read(path: str, headers: dict[str, str], body: bytes) -> Received:
    request = ExportTraceServiceRequest.FromString(body)
    names: list[str] = []
    service = ""
    for resource_spans in request.resource_spans:
        for attribute in resource_spans.resource.attributes:
            if attribute.key == "service.name":
                service = attribute.value.string_value
        for scope_spans in resource_spans.scope_spans:
            names += [span.name for span in scope_spans.spans]
    return Received(path, headers, service, tuple(names))
