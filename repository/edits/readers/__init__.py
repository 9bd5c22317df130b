"""Read edits out of a model's reply, in whichever of the known formats it is written."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from repository.edits.model import MAX_EDITS, Edit, EditFailed
from repository.edits.readers import blocks, calls, diffs, envelope, tags, whole
from repository.edits.readers.reading import Problem, Reading

Reader = Callable[[list[str]], Reading]

READERS: dict[str, tuple[re.Pattern[str], Reader]] = {
    "patch envelope": (re.compile(r"\*\*\* Begin Patch"), envelope.read),
    "search/replace": (re.compile(r"SEARCH|ORIGINAL|REPLACE|UPDATED"), blocks.read),
    "original/patched": (re.compile(r"</\w"), tags.read),
    "tool call": (re.compile(r"\{\s*\"|<parameter"), calls.read),
    "unified diff": (re.compile(r"^@@|^\+\+\+ |^diff --git ", re.M), diffs.read),
}
"""By the format's name: a pattern that each reply in the format has, and the reader, a pure function
of the reply's lines."""
MAX_REPLY = 1_000_000
"""Characters: more than any model writes at once."""
_MAX_PROBLEMS = 5
_THOUGHT = re.compile(r"\A\s*<(think|thinking)>.*?</\1>", re.S)


@dataclass(frozen=True)
class ParsedReply:
    """A reply's edits in one format, and the rest of it."""

    format: str
    """Empty where the reply has no edits."""
    edits: tuple[Edit, ...]
    problems: tuple[Problem, ...]
    prose: str
    """The text of the reply outside its edits."""


def read_reply(reply: str) -> ParsedReply:
    """Read the edits of a reply, in order.

    The format that begins first is the reply's. A marker of another format is content inside an
    edit, and a problem outside of one: a part of what was meant would be lost. Whole files are only
    looked for where there is nothing else, since any code in a fence looks like one.
    """
    if len(reply) > MAX_REPLY:
        message = f"it has {len(reply)} characters; {MAX_REPLY} at most are read"
        return ParsedReply("", (), (Problem(1, message),), "")
    text = _blank_thoughts(reply).replace("\r\n", "\n")
    lines = text.split("\n")
    readings = _read_all(text, lines)
    if not readings:
        return _parsed("", lines, Reading())
    first = min(readings, key=lambda name: min(readings[name].starts()))
    reading = readings.pop(first)
    for name, other in readings.items():
        stray = next((at for at in other.starts() if not reading.covers(at)), None)
        if stray is not None:
            message = f"a {name} edit beside those of another format ({first}): use one for all"
            reading.add_problem(stray, message)
    return _parsed(first, lines, reading)


def require_edits(reply: ParsedReply) -> tuple[Edit, ...]:
    """Return the edits of a reply that could be read as a whole.

    Raises:
        EditFailed: there are no edits, or not all can be read; the text says where and why.
    """
    if reply.problems:
        problems = reply.problems[:_MAX_PROBLEMS]
        raise EditFailed(
            "\n".join(
                f"Line {problem.line} of the reply: {problem.message}" for problem in problems
            )
        )
    if len(reply.edits) > MAX_EDITS:
        raise EditFailed(f"The reply holds more edits than are applied at once, {MAX_EDITS}.")
    if not reply.edits:
        raise EditFailed("The reply holds no edits.")
    return reply.edits


def _read_all(text: str, lines: list[str]) -> dict[str, Reading]:
    """Return the readings that are not empty, by the format's name."""
    readings: dict[str, Reading] = {}
    for name, (marker, read) in READERS.items():
        if marker.search(text):
            readings[name] = read(lines)
    readings = {name: reading for name, reading in readings.items() if not reading.is_empty}
    if not readings and ("```" in text or "~~~" in text):
        files = whole.read(lines)
        if not files.is_empty:
            readings["whole files"] = files
    return readings


def _blank_thoughts(reply: str) -> str:
    """Return the reply with empty lines instead of a model's thinking in tags before its answer.

    Drafts in it are not edits, and the lines below keep their numbers.
    """
    thought = _THOUGHT.match(reply)
    if thought is None:
        return reply
    return "\n" * thought[0].count("\n") + reply[thought.end() :]


def _parsed(name: str, lines: list[str], reading: Reading) -> ParsedReply:
    taken = {at for span in reading.spans for at in span}
    prose = "\n".join(line for at, line in enumerate(lines) if at not in taken)
    prose = re.sub(r"\n{3,}", "\n\n", prose).strip()
    return ParsedReply(name, tuple(reading.edits), tuple(reading.problems), prose)
