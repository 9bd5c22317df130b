"""The trace that a run belongs to, as W3C writes it (https://www.w3.org/TR/trace-context/)."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from pipeline.run_key import RunKey

#: The name of the header, of the message attribute, and of the entry in a job's metadata.
TRACEPARENT = "traceparent"

_VERSION = "00"
_SAMPLED = 0x01
_PATTERN = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})"
    r"-(?P<trace_id>(?!0{32})[0-9a-f]{32})"
    r"-(?P<span_id>(?!0{16})[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})"
    r"(?P<more>-.{0,200})?"
)
"""A later version may have more at its end."""


@dataclass(frozen=True)
class TraceContext:
    """A place in a trace."""

    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits."""
    sampled: bool

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a ``traceparent``. Return None if it is not one: then it has to be ignored."""
        match = _PATTERN.fullmatch(text)
        if match is None or (match["version"] == _VERSION and match["more"]):
            return None
        sampled = bool(int(match["flags"], 16) & _SAMPLED)
        return cls(match["trace_id"], match["span_id"], sampled)

    def __str__(self) -> str:
        """Return the ``traceparent``."""
        flags = "01" if self.sampled else "00"
        return f"{_VERSION}-{self.trace_id}-{self.span_id}-{flags}"


def first_context(texts: Iterable[str | None]) -> TraceContext | None:
    """Return the first valid ``traceparent``; None if there is none."""
    for text in texts:
        context = TraceContext.parse(text) if text else None
        if context is not None:
            return context
    return None


@dataclass(frozen=True)
class RunTrace:
    """A run's place in its trace, which each of its deliveries knows without asking another."""

    key: RunKey
    sender: TraceContext | None
    """Where the sender was when it sent the job; None if it did not say."""

    @classmethod
    def of(cls, key: RunKey, traceparent: str | None) -> Self:
        """Args:
        key: the run.
        traceparent: the sender's, as it is stored with the run.
        """
        return cls(key, first_context([traceparent]))

    @property
    def trace_id(self) -> str:
        """The sender's trace, or else the run's own."""
        return self.sender.trace_id if self.sender is not None else self.key.trace

    @property
    def span_id(self) -> str:
        """The id of the run's own span.

        It depends on the sender's place, so that no sender can name a span that is its own parent.
        """
        name = f"coding-agent:{self.key.prefix}:{self.sender or ''}"
        return hashlib.sha256(name.encode()).hexdigest()[:16]
