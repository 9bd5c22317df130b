"""Read the edits in a model's reply, whichever of the known formats it uses."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from repository.edits.model import MAX_EDITS, Edit, EditFailed
from repository.edits.readers import blocks, calls, diffs, envelope, tags, whole
from repository.edits.readers.headings import Paths
from repository.edits.readers.reading import Problem, Reading
from repository.edits.readers.thoughts import Answer, find_answer, is_mention


@dataclass(frozen=True)
class Format:
    """One way in which models write edits."""

    name: str
    marker: re.Pattern[str]
    """Matches every reply in this format."""
    read: Callable[[list[str], Paths], Reading]
    """A pure function of the reply's lines and the repository's paths."""


FORMATS = (
    Format(
        name="patch envelope",
        marker=re.compile(r"\*\*\* Begin Patch"),
        read=envelope.read,
    ),
    Format(
        name="search/replace",
        marker=re.compile(
            r"SEARCH|ORIGINAL|REPLACE|UPDATED"
            r"|\*\*\* (?:(?:Delete|Move|Rename) File|Make Executable):"
        ),
        read=blocks.read,
    ),
    Format(
        name="original/patched",
        marker=re.compile(r"</\w"),
        read=tags.read,
    ),
    Format(
        name="tool call",
        marker=re.compile(r"\{\s*\"|<parameter"),
        read=calls.read,
    ),
    Format(
        name="unified diff",
        marker=re.compile(r"^@@|^\+\+\+ |^diff --git ", re.M),
        read=diffs.read,
    ),
)
_WHOLE_FILES = Format(
    name="whole files",
    marker=re.compile(r"```|~~~"),
    read=whole.read,
)
"""Read only if there is nothing else, since any code in a fence looks like a file."""
_MAX_REPLY = 1_000_000
"""Characters; no model writes more at once."""
_MAX_PROBLEMS = 5
_MANY_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True)
class ParsedReply:
    """A reply's edits in one format, and its remaining text."""

    format: str
    """Empty if the reply has no edits."""
    edits: tuple[Edit, ...]
    problems: tuple[Problem, ...]
    prose: str
    """The text of the reply outside its edits."""


def read_reply(reply: str, paths: Collection[str] | None = None) -> ParsedReply:
    """Read the edits of a reply, in order.

    ``paths`` are those of the repository: a line that is one of them names that file. Without them,
    a name that only they could tell from a word is taken for one.

    The format of the first edit is the reply's format. Another format is content inside an edit,
    and a problem outside of one, since part of the intended change would be lost.
    """
    if len(reply) > _MAX_REPLY:
        message = f"it has {len(reply)} characters; at most {_MAX_REPLY} are read"
        return ParsedReply("", (), (Problem(1, message),), "")
    answer = find_answer(reply)
    if answer.is_open:
        return _unfinished(reply, answer)
    text = _blank_thoughts(reply, answer).replace("\r\n", "\n")
    lines = text.split("\n")
    known = None if paths is None else frozenset(paths)
    readings = _read_formats(FORMATS, text, lines, known)
    if not readings:
        readings = _read_formats((_WHOLE_FILES,), text, lines, known)
    if not readings:
        return _without_edits(lines, blank_lines=reply.count("\n", 0, answer.start))
    if is_mention(reply, answer) and _holds_edits(reply[: answer.start], known):
        return _ambiguous(reply, answer)
    first = min(readings, key=lambda name: min(readings[name].starts()))
    reading = readings.pop(first)
    for name, other in readings.items():
        stray = _first_outside(reading, other)
        if stray is not None:
            message = f"a {name} edit among edits of another format ({first}): use only one format"
            reading.add_problem(stray, message)
    return _parsed_reply(first, reading, lines)


def require_edits(reply: ParsedReply) -> tuple[Edit, ...]:
    """Return the edits of a reply, provided that all of it could be read.

    Raises:
        EditFailed: there are no edits, too many, or some that can't be read; the message says where
            and why.
    """
    if reply.problems:
        messages: list[str] = []
        for problem in reply.problems[:_MAX_PROBLEMS]:
            messages.append(f"Line {problem.line} of the reply: {problem.message}")
        raise EditFailed("\n".join(messages))
    if len(reply.edits) > MAX_EDITS:
        raise EditFailed(f"The reply contains more than {MAX_EDITS} edits, the most allowed.")
    if not reply.edits:
        raise EditFailed("The reply contains no edits.")
    return reply.edits


def _read_formats(
    formats: Iterable[Format], text: str, lines: list[str], paths: Paths
) -> dict[str, Reading]:
    """Return format name -> reading, without the empty ones."""
    readings: dict[str, Reading] = {}
    for format_ in formats:
        if not format_.marker.search(text):
            continue
        reading = format_.read(lines, paths)
        if not reading.is_empty:
            readings[format_.name] = reading
    return readings


def _first_outside(reading: Reading, other: Reading) -> int | None:
    """Return the first line, from 0, of an edit of ``other`` that no edit of ``reading`` covers."""
    for at in other.starts():
        if not reading.covers(at):
            return at
    return None


def _without_edits(lines: list[str], *, blank_lines: int) -> ParsedReply:
    """Return the reading of an answer without edits, which thinking may precede."""
    reading = Reading()
    if blank_lines:
        reading.add_problem(
            blank_lines, "no edits follow this end of the thinking, and none before it are read"
        )
    return _parsed_reply("", reading, lines)


def _holds_edits(text: str, paths: Paths) -> bool:
    return bool(_read_formats(FORMATS, text, text.split("\n"), paths))


def _ambiguous(reply: str, answer: Answer) -> ParsedReply:
    """Return the reading of a reply whose last closing tag may be part of a sentence."""
    line = reply.count("\n", 0, answer.start) + 1
    message = (
        "edits stand before and after this tag, which would end the thinking: write a tag that is"
        " only mentioned in backticks"
    )
    return ParsedReply("", (), (Problem(line, message),), "")


def _unfinished(reply: str, answer: Answer) -> ParsedReply:
    """Return the reading of a reply that ends inside a thought: it holds no edits."""
    line = reply.count("\n", 0, answer.end) + 1
    message = "the reply ends inside the thinking that begins here: write the edits after it"
    return ParsedReply("", (), (Problem(line, message),), "")


def _blank_thoughts(reply: str, answer: Answer) -> str:
    """Return the reply with blank lines in place of the thinking before the answer.

    Drafts in the thinking are not edits; the lines below it keep their numbers.
    """
    blank_lines = "\n" * reply.count("\n", 0, answer.start)
    return blank_lines + reply[answer.start :]


def _parsed_reply(name: str, reading: Reading, lines: list[str]) -> ParsedReply:
    edit_lines: set[int] = set()
    for span in reading.spans:
        edit_lines.update(span)
    prose = "\n".join(line for at, line in enumerate(lines) if at not in edit_lines)
    return ParsedReply(
        format=name,
        edits=tuple(reading.edits),
        problems=tuple(reading.problems),
        prose=_MANY_BLANK_LINES.sub("\n\n", prose).strip(),
    )
