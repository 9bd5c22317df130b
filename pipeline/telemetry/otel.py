"""A tracer that uses OpenTelemetry's SDK, which the extra ``otel`` installs.

Every delivery of a run, on whatever machine, derives the same ids of the trace and of the run's own
span. So its spans belong to one trace, although the run's span itself is only recorded when the run
ends: a worker that dies takes no more with it than the spans that were open.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from functools import lru_cache
from types import TracebackType
from typing import Self

from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtelApiSpan

from pipeline.telemetry import names
from pipeline.telemetry.spans import Attributes, RunSpan, Span
from pipeline.telemetry.spans import SpanKind as Kind
from pipeline.telemetry.trace_context import RunTrace, TraceContext

log = logging.getLogger(__name__)

SCOPE = "coding-agent"
#: Seconds that the last spans may take to be sent.
CLOSE_SECONDS = 5.0

Redact = Callable[[str], str]

_KINDS = {
    "internal": SpanKind.INTERNAL,
    "client": SpanKind.CLIENT,
    "consumer": SpanKind.CONSUMER,
}
_run: ContextVar[RunTrace | None] = ContextVar("run_of_the_next_span", default=None)


class _RunIds(RandomIdGenerator):
    """Random ids, except for the span of a run itself."""

    def generate_span_id(self) -> int:
        run = _run.get()
        return super().generate_span_id() if run is None else int(run.span_id, 16)

    def generate_trace_id(self) -> int:
        run = _run.get()
        return super().generate_trace_id() if run is None else int(run.trace_id, 16)


class _OpenSpan:
    """A span that is the current one while entered. A class takes less time than a generator, and
    each command of git enters one.
    """

    def __init__(self, span: OtelApiSpan, redact: Redact):
        self._span = span
        self._redact = redact
        self._has_failed = False

    def __enter__(self) -> Self:
        self._token = attach(set_span_in_context(self._span))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        detach(self._token)
        if isinstance(error, asyncio.CancelledError):
            self.set({names.ENDING: names.INTERRUPTED})
        elif isinstance(error, Exception) and not self._has_failed:
            # By its class alone: messages and tracebacks may quote a prompt.
            self.fail(type(error).__qualname__)
        self._span.end()

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(_redacted(attributes, self._redact))

    def fail(self, error_type: str) -> None:
        self._has_failed = True
        self._span.set_attribute(names.ERROR_TYPE, error_type)
        self._span.set_status(Status(StatusCode.ERROR))


class OtelTracer:
    """Sends spans to a processor. ``OTEL_*`` variables configure resource, sampler and limits."""

    def __init__(self, processor: SpanProcessor, redact: Redact):
        # Attributes of the environment win over the default name of the service.
        resource = Resource.create({SERVICE_NAME: SCOPE}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(
            resource=resource, id_generator=_RunIds(), shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(SCOPE)
        self._redact = redact
        # A run asks several times in each delivery.
        self._run_context = lru_cache(maxsize=1024)(self._make_run_context)

    def span(
        self,
        name: str,
        attributes: Attributes,
        *,
        kind: Kind = "internal",
        within: RunTrace | None = None,
    ) -> AbstractContextManager[Span]:
        span = self._tracer.start_span(
            self._redact(name),
            context=self._inside(within) if within is not None else None,
            kind=_KINDS[kind],
            attributes=_redacted(attributes, self._redact),
        )
        return _OpenSpan(span, self._redact)

    def record_run(self, run: RunSpan) -> None:
        parent = run.trace.sender
        token = _run.set(run.trace)
        try:
            span = self._tracer.start_span(
                names.RUN,
                context=_context(parent) if parent is not None else Context(),
                kind=SpanKind.CONSUMER,
                attributes=_redacted(run.attributes, self._redact),
                start_time=_nanoseconds(run.began),
            )
        finally:
            _run.reset(token)
        if run.error_type is not None:
            _OpenSpan(span, self._redact).fail(run.error_type)
        span.end(end_time=_nanoseconds(run.ended))

    def traceparent(self, trace: RunTrace) -> str | None:
        return str(self._run_context(trace))

    def close(self) -> None:
        """Send the last spans, for at most ``CLOSE_SECONDS``."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)
        if closing.is_alive():
            log.error(
                "the last spans were not sent within %g s: see whether the collector answers"
                " (OTEL_EXPORTER_OTLP_ENDPOINT)",
                CLOSE_SECONDS,
            )

    def _inside(self, trace: RunTrace) -> Context:
        """Return the context of a span that is part of the run's own."""
        return _context(self._run_context(trace))

    def _make_run_context(self, trace: RunTrace) -> TraceContext:
        """Return the place of the run's own span, sampled as it will be."""
        parent = _context(trace.sender) if trace.sender is not None else Context()
        trace_id = int(trace.trace_id, 16)
        decision = self._provider.sampler.should_sample(
            parent, trace_id, names.RUN, SpanKind.CONSUMER
        ).decision
        is_sampled = decision is Decision.RECORD_AND_SAMPLE
        return TraceContext(trace.trace_id, trace.span_id, is_sampled)


def _context(place: TraceContext) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if place.sampled else TraceFlags.DEFAULT)
    span_context = SpanContext(
        int(place.trace_id, 16), int(place.span_id, 16), is_remote=True, trace_flags=flags
    )
    return set_span_in_context(NonRecordingSpan(span_context), Context())


def _redacted(attributes: Attributes, redact: Redact) -> Attributes:
    """Return the attributes without secrets: a sender chooses a job's id, a job its model."""
    redacted = {}
    for name, value in attributes.items():
        redacted[name] = redact(value) if isinstance(value, str) else value
    return redacted


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
