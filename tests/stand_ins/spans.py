"""A tracer that keeps its spans in memory, and the tree that they form."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pipeline.telemetry import Redactor
from pipeline.telemetry.otel import OtelTracer


@dataclass
class SpanNode:
    """A span with those inside it, in the order in which they began."""

    span: ReadableSpan
    children: list["SpanNode"] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.span.name

    @property
    def attributes(self) -> dict[str, object]:
        return dict(self.span.attributes or {})

    @property
    def began(self) -> float:
        """In seconds since the epoch."""
        return (self.span.start_time or 0) / 1e9

    @property
    def seconds(self) -> float:
        return ((self.span.end_time or 0) - (self.span.start_time or 0)) / 1e9

    def outline(self) -> list[object]:
        """Return the names: ``[name, [name of a child, ...], ...]``."""
        return [self.name, *(child.outline() for child in self.children)]

    def walk(self) -> Iterator["SpanNode"]:
        yield self
        for child in self.children:
            yield from child.walk()

    def named(self, name: str) -> list["SpanNode"]:
        return [node for node in self.walk() if node.name == name]


class Spans:
    """``tracer`` records; the rest reads what it has recorded."""

    def __init__(self, secrets: Sequence[str] = ()):
        self._exporter = InMemorySpanExporter()
        self.tracer = OtelTracer(SimpleSpanProcessor(self._exporter), Redactor(secrets))

    @property
    def all(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def roots(self) -> list[SpanNode]:
        """Return the trees of spans whose parent is not here, in the order of their begin."""
        nodes = {span.context.span_id: SpanNode(span) for span in self.all}
        roots = []
        for node in sorted(nodes.values(), key=lambda node: node.span.start_time or 0):
            parent = node.span.parent
            if parent is not None and parent.span_id in nodes:
                nodes[parent.span_id].children.append(node)
            else:
                roots.append(node)
        return roots

    def root(self) -> SpanNode:
        """Return the only tree."""
        (root,) = self.roots()
        return root
