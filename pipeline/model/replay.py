"""A model that answers from recorded exchanges: ``CODING_AGENT_MODEL=replay:DIR``.

DIR is searched recursively for files whose name ends in ``exchange.json``, which runs store among
their artifacts: ``{"request": ..., "reply": ...}``, or with a ``failure`` if the prompt was too
long. So an artifacts folder can be used as DIR. A request is found by its hash, which leaves out
the model's name; the reply costs as much as when it was recorded.
"""

import difflib
from pathlib import Path
from typing import Self

from pipeline.model import ModelReply, ModelRequest
from pipeline.model.capabilities import ModelProfile
from pipeline.model.failures import Failure, ModelError
from pipeline.model.recording import RecordedExchange
from pipeline.model.worst_case import WorstCase

PATTERN = "*exchange.json"
_DIFF_LINES = 24
_DIFF_WIDTH = 160


class ReplayError(ValueError):
    """The recording can't be used; the text says which file, and why."""


class ReplayClient:
    def __init__(self, exchanges: dict[str, RecordedExchange], *, name: str):
        """``exchanges`` are keyed by the hash of their request; ``name`` appears in errors."""
        self._exchanges = exchanges
        self._name = name

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read all exchanges below the folder.

        Raises:
            ReplayError: there are none, or a file is not an exchange.
        """
        exchanges: dict[str, RecordedExchange] = {}
        for file in sorted(folder.rglob(PATTERN)):
            exchange = _read_exchange(file)
            recorded = exchanges.get(exchange.key)
            # A request that failed may have been answered when it was repeated.
            if recorded is None or recorded.reply is None:
                exchanges[exchange.key] = exchange
        if not exchanges:
            raise ReplayError(
                f"{folder} contains no {PATTERN}: give a folder with a run's artifacts"
            )
        return cls(exchanges, name=str(folder))

    def profile(self, model: str) -> ModelProfile:
        """Return a profile with native tool calls if a recorded request has tools."""
        calls_tools = any(exchange.request.tools for exchange in self._exchanges.values())
        return ModelProfile(protocol="native" if calls_tools else "text", keeps_reasoning=True)

    def worst_case(self, request: ModelRequest) -> WorstCase:
        """Return the recorded cost: 0 for a request that is unknown or failed."""
        exchange = self._exchanges.get(request.hash)
        if exchange is None or exchange.reply is None:
            return WorstCase(0.0)
        return WorstCase(exchange.reply.cost_usd)

    def record_usage(self, request: ModelRequest, reply: ModelReply) -> None:
        """Recorded costs don't depend on usage."""

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Return the recorded reply.

        Raises:
            ModelError: the request failed when it was recorded, or it is not recorded; then the
                message shows how it differs from the most similar recorded one.
        """
        exchange = self._exchanges.get(request.hash)
        if exchange is None:
            raise ModelError(Failure.REFUSED, self._not_recorded(request), charged=False)
        if exchange.reply is None:
            failure = exchange.failure or Failure.UNREADABLE
            raise ModelError(failure, "as when it was recorded", charged=False)
        return exchange.reply.model_copy(update={"model": request.model})

    def _not_recorded(self, request: ModelRequest) -> str:
        recorded = [exchange.request for exchange in self._exchanges.values()]
        nearest = max(recorded, key=lambda candidate: _similarity(candidate, request))
        return (
            f"{self._name} has no exchange for request {request.hash[:12]}; compared with the"
            f" nearest:\n{_difference(nearest, request)}"
        )


def _read_exchange(file: Path) -> RecordedExchange:
    try:
        return RecordedExchange.model_validate_json(file.read_bytes())
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ReplayError(f"{file} is not a recorded exchange: {reason}") from error


def _difference(recorded: ModelRequest, request: ModelRequest) -> str:
    """Return a unified diff of two requests, truncated to a readable size."""
    diff = list(
        difflib.unified_diff(
            _lines(recorded), _lines(request), "recorded", "requested", n=1, lineterm=""
        )
    )
    lines = [line[:_DIFF_WIDTH] for line in diff[:_DIFF_LINES]]
    if len(diff) > _DIFF_LINES:
        lines.append(f"... and {len(diff) - _DIFF_LINES} more lines")
    return "\n".join(lines)


def _lines(request: ModelRequest) -> list[str]:
    lines = []
    for name, value in request:
        if name not in ("model", "messages", "tools"):
            lines.append(f"{name}: {value}")
    for tool in request.tools:
        lines.append(f"tool: {tool.model_dump_json()}")
    for message in request.messages:
        lines.append(f"[{message.role}]")
        lines.extend(message.content.splitlines())
        for call in message.tool_calls:
            lines.append(f"call: {call.model_dump_json()}")
    return lines


def _similarity(one: ModelRequest, other: ModelRequest) -> tuple[int, int]:
    """Return the number of equal lines at the start and the number of lines in common."""
    lines = _lines(one)
    other_lines = _lines(other)
    equal_at_start = 0
    for line, other_line in zip(lines, other_lines, strict=False):
        if line != other_line:
            break
        equal_at_start += 1
    in_common = set(lines) & set(other_lines)
    return equal_at_start, len(in_common)
