"""Conversations of recorded agent runs: the tokens of each reply, with texts of that length.

The file is the one that ``benchmarks.recordings`` describes. ``tokens`` of a step are [prompt, of
these cached, written]. Its texts are shortened (``seen``, ``said``) or missing (thoughts, the first
prompt), so a text's length is calculated from its tokens, and the recorded text is repeated up to
that length.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.model.price import Usage

#: Of commands whose output is recorded whole: the upper quartile, because the thoughts before the
#: command count as tokens, but their text is not recorded.
CHARACTERS_PER_TOKEN = 3


@dataclass(frozen=True)
class RecordedReply:
    """A reply, and what was added to the conversation after it."""

    prompt_tokens: int
    cached_tokens: int
    """By the recorded provider, which caches without marks."""
    completion_tokens: int
    text: str
    observation: str
    """Empty after the last reply."""


@dataclass(frozen=True)
class RecordedRun:
    instance_id: str
    resolved: bool
    prompt: str
    """The first message."""
    replies: tuple[RecordedReply, ...]
    change: str
    """The diff that it handed in."""

    def usages(self, *, marked: bool) -> list[Usage]:
        """Return the usage of each reply.

        If the provider caches what is marked, everything sent before is read from the cache and the
        rest is written to it. Otherwise the cached tokens are those of the recorded provider.
        """
        usages = []
        sent = 0
        for reply in self.replies:
            cached = min(sent, reply.prompt_tokens) if marked else reply.cached_tokens
            written = reply.prompt_tokens - cached if marked else 0
            usage = Usage(reply.prompt_tokens, reply.completion_tokens, cached, written)
            usages.append(usage)
            sent = reply.prompt_tokens
        return usages


def read_runs(file: Path) -> list[RecordedRun]:
    """Raises OSError, ValueError or KeyError: the file can't be read, or a line is not a run."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [_run(json.loads(line)) for line in lines]


def _run(fields: dict[str, Any]) -> RecordedRun:
    steps = fields["steps"]
    sample = "\n".join(step.get("seen", "") for step in steps)
    return RecordedRun(
        instance_id=fields["instance_id"],
        resolved=fields["resolved"],
        prompt=_text_of(steps[0]["tokens"][0], sample),
        replies=tuple(_replies(steps, sample)),
        change=fields["submission"],
    )


def _replies(steps: list[dict[str, Any]], sample: str) -> Iterator[RecordedReply]:
    following = [*steps[1:], None]
    for step, next_step in zip(steps, following, strict=True):
        prompt, cached, written = step["tokens"]
        added = next_step["tokens"][0] - prompt if next_step else written
        # Tokens that were written but not sent back were reasoning.
        sent_back = min(written, added)
        command = step.get("command") or step.get("said", "")
        output = step.get("seen") or sample
        yield RecordedReply(
            prompt_tokens=prompt,
            cached_tokens=cached,
            completion_tokens=written,
            text=_text_of(sent_back, command),
            observation=_text_of(added - sent_back, output) if next_step else "",
        )


def _text_of(tokens: int, recorded: str) -> str:
    """Return a text of this many tokens that begins with the recorded one."""
    length = max(tokens, 1) * CHARACTERS_PER_TOKEN
    recorded = recorded or "\n"
    repeated = recorded * (1 + length // len(recorded))
    return repeated[:length]
