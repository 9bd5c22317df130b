"""A model that answers from a file: ``CODING_AGENT_MODEL=scripted:FILE`` runs the service without a
key or a network.

FILE is one of two things.

* Any text file (``.md``, ``.txt``, ...): its content is the reply to every call.
* A list of entries, as ``.json``, ``.yaml``/``.yml``, or ``.jsonl`` (one entry per line). The first
  entry that matches and is not used up answers:

      when          Python regular expression, searched in the text after the last reply: a user
                    message, or results of calls; without it, the entry matches every request
      reply         the reply's text (may be empty)
      reply_file    or the file that contains it, relative to the script
      tool_calls    native tool calls: [{name: bash, arguments: {command: ls}}]; with or
                    without a reply. One such entry gives the model native tool calls.
      reasoning     text that the model thinks before it answers; it comes back with the
                    conversation
      finish_reason default ``stop``, or ``tool_calls``; ``length`` imitates a truncated reply,
                    ``content_filter`` and ``refusal`` a refusal
      times         answer at most this often; counted in memory, so a new process counts from 0
      delay_s       seconds to wait before answering
      usage         {prompt_tokens, completion_tokens}; default: estimated at 4 characters per token
      cost_usd      what the call costs, in US dollars; default 0
      status        an HTTP error status (400 to 599) instead of a reply
      headers       with ``status``: response headers such as {"retry-after": "2"}
      code          with ``status``: OpenAI's error code, such as ``insufficient_quota``
      drop          true: the connection breaks without an answer

  For example:

      - {when: "went wrong with the last try", reply_file: second.md}
      - {status: 429, headers: {retry-after: "1"}, times: 1}
      - {reply_file: first.md, cost_usd: 0.01}

Except for ``times``, the same request always gets the same answer.
"""

import asyncio
import json
import math
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipeline.job import explain
from pipeline.model import ModelReply, ModelRequest, ToolCall
from pipeline.model.capabilities import ModelProfile
from pipeline.model.failures import Failure, ModelError, is_uncharged, to_failure
from pipeline.model.worst_case import WorstCase

CHARACTERS_PER_TOKEN = 4

FinishReason = Literal["stop", "tool_calls", "length", "content_filter", "refusal"]


class ScriptError(ValueError):
    """The script can't be used: the text says which file, what is wrong, and how to fix it."""


class Usage(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class ScriptedCall(BaseModel):
    """A tool call; its arguments as data, or as the text that the model wrote."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    arguments: dict[str, Any] | str = Field(default_factory=dict)

    def as_call(self, call_id: str) -> ToolCall:
        arguments = self.arguments
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments, ensure_ascii=False)
        return ToolCall(id=call_id, name=self.name, arguments=arguments)


class Entry(BaseModel):
    """One entry of a script; the module's docstring explains the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: str | None = None
    reply: str | None = None
    reply_file: str | None = None
    tool_calls: tuple[ScriptedCall, ...] = ()
    reasoning: str = ""
    finish_reason: FinishReason | None = None
    times: int | None = Field(None, ge=1)
    delay_s: float = Field(0.0, ge=0, le=3600)
    usage: Usage | None = None
    cost_usd: float = Field(0.0, ge=0, le=1_000)
    status: int | None = Field(None, ge=400, le=599)
    headers: dict[str, str] = Field(default_factory=dict)
    code: str | None = None
    drop: bool = False

    @field_validator("when")
    @classmethod
    def _regex(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        answers = [self.reply, self.reply_file, self.status, self.drop or None]
        number = len(answers) - answers.count(None)
        has_only_calls = number == 0 and bool(self.tool_calls)
        if number != 1 and not has_only_calls:
            raise ValueError("give exactly one of reply, reply_file, status, drop")
        if (self.headers or self.code) and self.status is None:
            raise ValueError("headers and code go with status")
        return self

    @property
    def ending(self) -> str:
        """The finish reason, which follows from the calls if none is scripted."""
        return self.finish_reason or ("tool_calls" if self.tool_calls else "stop")

    def calls_for(self, position: int) -> tuple[ToolCall, ...]:
        """Return the calls of a reply at this position of the conversation."""
        calls = []
        for number, call in enumerate(self.tool_calls):
            calls.append(call.as_call(f"call_{position}_{number}"))
        return tuple(calls)

    def usage_for(self, prompt: str) -> Usage:
        """Return the entry's usage, or an estimate from the lengths of prompt and reply."""
        if self.usage is not None:
            return self.usage
        return Usage(
            prompt_tokens=len(prompt) // CHARACTERS_PER_TOKEN + 1,
            completion_tokens=math.ceil(len(self.reply or "") / CHARACTERS_PER_TOKEN),
        )


class Script:
    """Entries, and how often each has answered. Safe to share between threads."""

    def __init__(self, entries: Sequence[Entry], *, name: str = "script"):
        self.entries = tuple(entries)
        self.name = name
        self._used = [0] * len(self.entries)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a script and every ``reply_file``, so that a missing one is reported at the start.

        Raises:
            ScriptError: a file can't be read, or an entry is wrong.
        """
        text = _read(path, "the script")
        if path.suffix.lower() not in _PARSERS:
            return cls([Entry(reply=text)], name=str(path))
        items = _parse_items(path, text)
        entries = [_entry(path, number, item) for number, item in enumerate(items, 1)]
        return cls(entries, name=str(path))

    def answer(self, prompt: str) -> Entry | None:
        """Return the entry that answers ``prompt``, the text after the last reply.

        None if no entry matches, or all that match are used up.
        """
        with self._lock:
            for index, entry in enumerate(self.entries):
                if entry.times is not None and self._used[index] >= entry.times:
                    continue
                if entry.when is None or re.search(entry.when, prompt):
                    self._used[index] += 1
                    return entry
        return None

    def no_answer(self, prompt: str) -> str:
        """Return the error message for a prompt that no entry answers."""
        start = " ".join(prompt.split())[:120]
        return (
            f"{self.name}: no entry matches, or all that match are used up, for the message that"
            f" begins {start!r}"
        )


class ScriptedClient:
    """A ModelClient that plays a script in this process. Errors mean the same as a provider's."""

    def __init__(self, script: Script):
        self._script = script

    def profile(self, model: str) -> ModelProfile:
        """Return a profile with native tool calls if the script has some."""
        calls_tools = any(entry.tool_calls for entry in self._script.entries)
        return ModelProfile(protocol="native" if calls_tools else "text", keeps_reasoning=True)

    def worst_case(self, request: ModelRequest) -> WorstCase:
        return WorstCase(max(entry.cost_usd for entry in self._script.entries))

    def record_usage(self, request: ModelRequest, reply: ModelReply) -> None:
        """A script's costs don't depend on usage."""

    async def complete(self, request: ModelRequest) -> ModelReply:
        prompt = newest_text([(message.role, message.content) for message in request.messages])
        entry = self._script.answer(prompt)
        if entry is None:
            raise ModelError(Failure.REFUSED, self._script.no_answer(prompt), charged=False)
        await asyncio.sleep(entry.delay_s)
        if entry.drop:
            raise ModelError(Failure.OVERLOAD, "the script dropped the connection", charged=True)
        if entry.status is not None:
            raise _error(entry, entry.status)
        return _reply(entry, request)


def _reply(entry: Entry, request: ModelRequest) -> ModelReply:
    usage = entry.usage_for("".join(message.content for message in request.messages))
    reasoning = {"type": "reasoning_content", "text": entry.reasoning}
    return ModelReply(
        content=entry.reply or "",
        tool_calls=entry.calls_for(len(request.messages)),
        reasoning=(reasoning,) if entry.reasoning else (),
        reasoning_text=entry.reasoning,
        finish_reason=entry.ending,
        model=request.model,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost_usd=entry.cost_usd,
    )


def newest_text(messages: Sequence[tuple[str, str]]) -> str:
    """Return the text after the last reply, of a conversation's (role, content).

    That is a user message, or the results of the reply's calls.
    """
    texts: list[str] = []
    for role, content in reversed(messages):
        if role not in ("user", "tool"):
            break
        texts.append(content)
    return "\n".join(reversed(texts))


def _error(entry: Entry, status: int) -> ModelError:
    return ModelError(
        to_failure(status, entry.code),
        f"the script answered with status {status}",
        charged=not is_uncharged(status, "scripted"),
        delay=_retry_after(entry.headers),
    )


def _retry_after(headers: dict[str, str]) -> float | None:
    for name, value in headers.items():
        if name.lower() == "retry-after" and value.isdecimal():
            return float(value)
    return None


def _parse_json_lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


_PARSERS: dict[str, Callable[[str], Any]] = {
    ".json": json.loads,
    ".jsonl": _parse_json_lines,
    ".yaml": yaml.safe_load,
    ".yml": yaml.safe_load,
}


def _parse_items(path: Path, text: str) -> list[Any]:
    try:
        items = _PARSERS[path.suffix.lower()](text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise ScriptError(f"{path}: not {path.suffix[1:].upper()}: {error}") from error
    if not isinstance(items, list) or not items:
        raise ScriptError(
            f"{path}: give a list with at least one entry, such as [{{'reply': '...'}}]"
        )
    return items


def _entry(path: Path, number: int, item: Any) -> Entry:
    try:
        entry = Entry.model_validate(item)
    except ValidationError as error:
        raise ScriptError(f"{path}: entry {number}: {explain(error)}") from error
    if entry.reply_file is None:
        return entry
    reply = _read(path.parent / entry.reply_file, f"{path}: entry {number}: reply_file")
    return entry.model_copy(update={"reply": reply, "reply_file": None})


def _read(path: Path, what: str) -> str:
    """Read a file; ``what`` names it in errors."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScriptError(f"{what}: {path} can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ScriptError(f"{what}: {path} is not UTF-8 text") from error
