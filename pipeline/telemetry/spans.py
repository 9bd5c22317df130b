"""Spans: what took how long in a run. Without OpenTelemetry, ``NoTracer`` records none."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, Protocol

from pipeline.telemetry.trace_context import RunTrace

Attributes = Mapping[str, str | int | float | Sequence[str]]
SpanKind = Literal["internal", "client", "consumer"]


class Span(Protocol):
    """A span that has begun."""

    def set(self, attributes: Attributes) -> None:
        """Add attributes (see ``pipeline.telemetry.names``)."""
        ...

    def fail(self, error_type: str) -> None:
        """Mark it as failed. ``error_type`` is a kind of error, never its message."""
        ...


@dataclass(frozen=True)
class RunSpan:
    """The span of a run that has ended. Times are in seconds since the epoch."""

    trace: RunTrace
    began: float
    ended: float
    attributes: Attributes
    error_type: str | None = None


class Tracer(Protocol):
    """Records spans. An exception that leaves a span's block is recorded by its class alone."""

    def span(
        self,
        name: str,
        attributes: Attributes,
        *,
        kind: SpanKind = "internal",
        within: RunTrace | None = None,
    ) -> AbstractContextManager[Span]:
        """Return a context in which a span is open.

        It belongs to the run ``within``, or else to the span in whose block it is begun, in the
        same task or thread or in one that was started there.
        """
        ...

    def record_run(self, run: RunSpan) -> None:
        """Record a run's own span, of which the spans of its deliveries are parts."""
        ...

    def traceparent(self, trace: RunTrace) -> str | None:
        """Return the place in its trace that the run passes on with its events."""
        ...


class _NoSpan:
    def set(self, attributes: Attributes) -> None:
        pass

    def fail(self, error_type: str) -> None:
        pass


class NoTracer:
    """Records nothing, and passes the sender's place on."""

    _SPAN = nullcontext(_NoSpan())

    def span(
        self,
        name: str,
        attributes: Attributes,
        *,
        kind: SpanKind = "internal",
        within: RunTrace | None = None,
    ) -> AbstractContextManager[Span]:
        return self._SPAN

    def record_run(self, run: RunSpan) -> None:
        pass

    def traceparent(self, trace: RunTrace) -> str | None:
        return str(trace.sender) if trace.sender is not None else None
