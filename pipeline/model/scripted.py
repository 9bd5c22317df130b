"""A model that answers from a file: ``CODING_AGENT_MODEL=scripted:FILE`` tries the service without
a key or a network.

FILE is one of two things.

* Any text file (``.md``, ``.txt``, ...): its content is the reply to every call.
* A list of entries, as ``.json``, ``.yaml``/``.yml``, or ``.jsonl`` (an entry a line). The first entry that fits and is
  not used up answers:

      when          Python regular expression, searched in the last user message; without it, the entry always fits
      reply         the reply's text (may be empty)
      reply_file    or the file that holds it, relative to the script
      finish_reason ``stop`` unless given; ``length`` plays a reply that was cut, ``content_filter`` a refusal
      times         answer this often and no more; counted in memory, so a new process counts from 0
      delay_s       seconds to wait before answering
      usage         {prompt_tokens, completion_tokens}; estimated at 4 characters a token otherwise
      cost_usd      what the call costs, US dollars; 0 unless given
      status        an HTTP error status (400 to 599) instead of a reply
      headers       with ``status``: such as {"retry-after": "2"}
      code          with ``status``: OpenAI's error code, such as ``insufficient_quota``
      drop          true: the connection breaks, with no answer

  For example:

      - {when: "the previous attempt failed", reply_file: second.md}
      - {status: 429, headers: {retry-after: "1"}, times: 1}
      - {reply_file: first.md, cost_usd: 0.01}

Apart from ``times``, the same request always gets the same answer.
"""

import asyncio
import json
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipeline.job import explain
from pipeline.model import ModelReply, ModelRequest
from pipeline.model.failures import Failure, ModelError, family, uncharged


class ScriptError(ValueError):
    """The script can't be used: the text says which file, what is wrong, and how to mend it."""


class Usage(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class Entry(BaseModel):
    """One line of a script; the module's docstring says what each field does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: str | None = None
    reply: str | None = None
    reply_file: str | None = None
    finish_reason: Literal["stop", "length", "content_filter"] = "stop"
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
        answers = [
            self.reply is not None,
            self.reply_file is not None,
            self.status is not None,
            self.drop,
        ]
        if sum(answers) != 1:
            raise ValueError("give exactly one of reply, reply_file, status, drop")
        if (self.headers or self.code) and self.status is None:
            raise ValueError("headers and code go with status")
        return self

    def usage_for(self, prompt: str) -> Usage:
        return self.usage or Usage(
            prompt_tokens=len(prompt) // 4 + 1, completion_tokens=-(-len(self.reply or "") // 4)
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
        """Read a script; every ``reply_file`` is read now, so that a missing one is found at the start.

        Raises:
            ScriptError: see there.
        """
        text = _read(path, "the script")
        try:
            match path.suffix.lower():
                case ".json":
                    raw: Any = json.loads(text)
                case ".jsonl":
                    raw = [json.loads(line) for line in text.splitlines() if line.strip()]
                case ".yaml" | ".yml":
                    raw = yaml.safe_load(text)
                case _:
                    return cls([Entry(reply=text)], name=str(path))
        except (ValueError, RecursionError, yaml.YAMLError) as error:
            raise ScriptError(f"{path}: not {path.suffix[1:].upper()}: {error}") from error
        if not isinstance(raw, list) or not raw:
            raise ScriptError(
                f"{path}: give a list with at least one entry, such as [{{'reply': '...'}}]"
            )
        return cls(
            [_entry(path, number, item) for number, item in enumerate(raw, 1)], name=str(path)
        )

    def answer(self, prompt: str) -> Entry | None:
        """The entry that answers ``prompt``, the last user message; None where none fits or all are
        used up.
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
        start = " ".join(prompt.split())[:120]
        return (
            f"{self.name}: no entry fits, or all that fit are used up, for the message that begins"
            f" {start!r}"
        )


class ScriptedClient:
    """A ModelClient that plays a script in this process. Errors mean what a provider's would."""

    def __init__(self, script: Script):
        self._script = script

    def worst_case_usd(self, request: ModelRequest) -> float:
        return max(entry.cost_usd for entry in self._script.entries)

    async def complete(self, request: ModelRequest) -> ModelReply:
        prompt = last_user_message(request.messages)
        entry = self._script.answer(prompt)
        if entry is None:
            raise ModelError(Failure.REFUSED, self._script.no_answer(prompt), charged=False)
        await asyncio.sleep(entry.delay_s)
        if entry.drop:
            raise ModelError(Failure.OVERLOAD, "the script dropped the connection", charged=True)
        if entry.status is not None:
            raise _error(entry, entry.status)
        usage = entry.usage_for("".join(message.content for message in request.messages))
        return ModelReply(
            content=entry.reply or "",
            finish_reason=entry.finish_reason,
            model=request.model,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cost_usd=entry.cost_usd,
        )


def last_user_message(messages: Sequence[Any]) -> str:
    return next(
        (str(message.content) for message in reversed(messages) if message.role == "user"), ""
    )


def _error(entry: Entry, status: int) -> ModelError:
    delay = next(
        (
            float(v)
            for k, v in entry.headers.items()
            if k.lower() == "retry-after" and v.isdecimal()
        ),
        None,
    )
    said = f"the script answered with status {status}"
    return ModelError(
        family(status, entry.code), said, charged=not uncharged(status, "scripted"), delay=delay
    )


def _entry(path: Path, number: int, raw: Any) -> Entry:
    try:
        entry = Entry.model_validate(raw)
    except ValidationError as error:
        raise ScriptError(f"{path}: entry {number}: {explain(error)}") from error
    if entry.reply_file is None:
        return entry
    reply = _read(path.parent / entry.reply_file, f"{path}: entry {number}: reply_file")
    return entry.model_copy(update={"reply": reply, "reply_file": None})


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScriptError(f"{what}: {path} can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ScriptError(f"{what}: {path} is not UTF-8 text") from error
