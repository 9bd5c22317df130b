"""A model call with the texts that were sent and replied."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.runs.calls import Answer, ModelCall, PromptMessage
from console.runs.phrases import usd
from console.visible_text import visible
from pipeline.model.recording import RecordedExchange

if TYPE_CHECKING:
    from rich.text import Text

    from cli.jobs.reading import StoredRun


@dataclass(frozen=True)
class Exchange:
    """Texts are untrusted, without secrets."""

    call: str
    """The key of the call in the ledger."""
    stage: str
    round: int | None
    step: int | None
    """The agent's step; None for the strategy ``single``."""
    model: str
    cost_usd: float
    prompt_tokens: int
    completion_tokens: int
    messages: tuple[PromptMessage, ...]
    """The request; of an agent's later steps, what is new in it."""
    thoughts: str
    reply: str
    tool_calls: tuple[str, ...]
    """Each as NAME(ARGUMENTS)."""


def read_exchange(stored: "StoredRun", call: ModelCall) -> Exchange:
    """Return an answered call with its texts, as far as they are stored."""
    answer = _answer(call)
    return Exchange(
        call=call.name,
        stage=call.stage,
        round=call.round,
        step=call.step.record.number if call.step is not None else None,
        model=call.model,
        cost_usd=call.cost_usd,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        messages=call.prompt or tuple(_read_messages(stored, call)),
        thoughts=answer.thoughts,
        reply=answer.text,
        tool_calls=tuple(f"{tool.name}({tool.arguments})" for tool in answer.tool_calls),
    )


def render(exchange: Exchange) -> "Text":
    """Return the exchange as styled text, without control characters."""
    from rich.text import Text

    text = Text()
    text.append(f"{_heading(exchange)}\n", "bold")
    if not exchange.messages:
        text.append("The request is not stored.\n", "yellow")
    for message in exchange.messages:
        _append(text, message.role, message.text, "")
    _append(text, "thoughts", exchange.thoughts, "dim")
    _append(text, "reply", exchange.reply, "")
    for call in exchange.tool_calls:
        _append(text, "tool call", call, "cyan")
    text.append("\n")
    return text


def _heading(exchange: Exchange) -> str:
    parts = [exchange.stage]
    if exchange.round is not None:
        parts.append(f"round {exchange.round}")
    if exchange.step is not None:
        parts.append(f"step {exchange.step}")
    parts.append(exchange.model)
    parts.append(f"{exchange.prompt_tokens} tokens in, {exchange.completion_tokens} out")
    parts.append(usd(exchange.cost_usd))
    return visible(" · ".join(parts))


def _append(text: "Text", title: str, body: str, style: str) -> None:
    if body.strip():
        text.append(f"── {visible(title)}\n", "bold cyan")
        text.append(f"{visible(body.strip())}\n", style)


def _answer(call: ModelCall) -> Answer:
    """Return the answer with its texts; an agent's are in its step."""
    answer = call.answer or Answer(0, 0)
    if call.step is None:
        return answer
    record = call.step.record
    return Answer(
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        text=record.reply.content,
        thoughts=record.usage.thoughts,
        tool_calls=record.reply.tool_calls,
    )


def _read_messages(stored: "StoredRun", call: ModelCall) -> Iterator[PromptMessage]:
    if call.exchange_key is None:
        return
    source = stored.source()
    exchange = source.read_model(call.exchange_key, RecordedExchange)
    if exchange is None:
        return
    for message in exchange.request.messages:
        yield PromptMessage(message.role, stored.redact(message.content))
