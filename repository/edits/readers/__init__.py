"""Read edits out of a model's reply, in whichever of the known formats it is written."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from repository.edits.model import MAX_EDITS, Edit, EditFailed, Found, Problem
from repository.edits.readers import blocks, calls, diffs, envelope, tags, whole

#: name -> (what a reply without which holds nothing for the reader, the reader: a pure function of
#: the reply's lines).
READERS: dict[str, tuple[re.Pattern[str], Callable[[list[str]], Found]]] = {
    "patch envelope": (re.compile(r"\*\*\* Begin Patch"), envelope.read),
    "search/replace": (re.compile(r"SEARCH|ORIGINAL|REPLACE|UPDATED"), blocks.read),
    "original/patched": (re.compile(r"</\w"), tags.read),
    "tool call": (re.compile(r"\{\s*\"|<parameter"), calls.read),
    "unified diff": (re.compile(r"^@@|^\+\+\+ |^diff --git ", re.M), diffs.read),
}
MAX_REPLY = 1_000_000
"""Characters: more than any model writes at once."""
_THOUGHT = re.compile(r"\A\s*<(think|thinking)>.*?</\1>", re.S)


@dataclass(frozen=True)
class Reply:
    format: str | None
    edits: tuple[Edit, ...]
    problems: tuple[Problem, ...]
    prose: str
    """What the reply says outside its edits."""


def read_reply(reply: str) -> Reply:
    """The edits of a reply, in order.

    The format that begins first is the reply's; a marker of another one inside an edit is that edit's content, and
    outside it is a problem: a part of what was meant would be lost. Whole files are looked for where there is nothing
    else, since any code in a fence looks like one.
    """
    if len(reply) > MAX_REPLY:
        return Reply(
            None,
            (),
            (Problem(1, f"it has {len(reply)} characters; {MAX_REPLY} at most are read"),),
            "",
        )
    text = _without_thoughts(reply).replace("\r\n", "\n")
    lines = text.split("\n")
    found = {name: read(lines) for name, (sign, read) in READERS.items() if sign.search(text)}
    found = {name: result for name, result in found.items() if result.edits or result.problems}
    if not found:
        plain = whole.read(lines) if "```" in text or "~~~" in text else Found()
        name = "whole files" if plain.edits or plain.problems else None
        return Reply(name, plain.edits, plain.problems, _prose(lines, plain))
    first = min(found, key=lambda name: _start(found[name]))
    taken = found[first]
    others = [
        Problem(line, f"a {name} edit beside those of another format ({first}): use one for all")
        for name, other in found.items()
        if name != first
        for line in _outside(other, taken)[:1]
    ]
    return Reply(first, taken.edits, (*taken.problems, *others), _prose(lines, taken))


def edits_of(found: Reply) -> tuple[Edit, ...]:
    """The edits of a reply that was read from its first to its last.

    Raises:
        EditFailed: there are none, or not all can be read; the text says where and why.
    """
    if found.problems:
        raise EditFailed(
            "\n".join(f"Line {p.line} of the reply: {p.what}" for p in found.problems[:5])
        )
    if len(found.edits) > MAX_EDITS:
        raise EditFailed(f"The reply holds more edits than are applied at once, {MAX_EDITS}.")
    if not found.edits:
        raise EditFailed("The reply holds no edits.")
    return found.edits


def _without_thoughts(reply: str) -> str:
    """A model's thinking in tags before its answer is blanked: drafts are no edits."""
    thought = _THOUGHT.match(reply)
    return "\n" * thought[0].count("\n") + reply[thought.end() :] if thought else reply


def _start(found: Found) -> int:
    return min(
        [start for start, _ in found.spans] + [problem.line - 1 for problem in found.problems]
    )


def _outside(found: Found, taken: Found) -> list[int]:
    """Lines (from 1) where something of ``found`` begins that is no part of ``taken``."""
    begins = [start + 1 for start, _ in found.spans] + [problem.line for problem in found.problems]
    return [line for line in begins if not any(start < line <= end for start, end in taken.spans)]


def _prose(lines: list[str], found: Found) -> str:
    inside = {at for start, end in found.spans for at in range(start, end)}
    said = "\n".join(line for at, line in enumerate(lines) if at not in inside)
    return re.sub(r"\n{3,}", "\n\n", said).strip()
