"""Tell a reply's answer from the thinking before it, where drafts of edits and calls are.

Everything before the last closing tag is thinking, with or without an opening tag: that may be in
the model's prompt. A tag in the code of the answer is only text.
"""

import re
from dataclasses import dataclass

from repository.edits.readers.code_parts import CodeParts
from repository.edits.readers.thought_tags import OPENING, begins_with_thought, closing_tags

_BEFORE_MENTION = re.compile(r"\S <[^\s<]*>$")
_AFTER_MENTION = re.compile(r" [a-z]|[.,;:!?]")
_MAX_TAGS = 200
"""Maximum number of closing tags that are examined, from the last one backwards."""


@dataclass(frozen=True)
class Answer:
    """Where the answer in a reply is."""

    start: int
    """The position in the reply after the thinking."""
    end: int
    """The position at which another thought begins, or the end of the reply."""
    is_open: bool
    """Whether the reply ends inside a thought, so that the answer may be missing or incomplete."""


def find_answer(reply: str) -> Answer:
    """Find the answer in a reply."""
    closings = closing_tags(reply)
    if not closings and not OPENING.search(reply) and not begins_with_thought(reply):
        return Answer(0, len(reply), is_open=False)
    parts = CodeParts(reply, OPENING)
    start = 0
    for closing in closings[-_MAX_TAGS:]:
        if not parts.contain(start, closing):
            start = closing.end()
    unclosed = _find_opening(reply, start, parts)
    if unclosed is not None:
        return Answer(start, unclosed, is_open=True)
    return Answer(start, len(reply), is_open=False)


def is_mention(reply: str, answer: Answer) -> bool:
    """Return whether the tag before an answer may be a word of a sentence.

    That is unclear only in a reply that does not begin with a thought.
    """
    before = reply[: answer.start].rpartition("\n")[2]
    is_in_sentence = _BEFORE_MENTION.search(before) and _AFTER_MENTION.match(reply, answer.start)
    return is_in_sentence is not None and not begins_with_thought(reply)


def without_thoughts(reply: str) -> str:
    """Return the answer in a reply."""
    answer = find_answer(reply)
    return reply[answer.start : answer.end]


def _find_opening(reply: str, start: int, parts: CodeParts) -> int | None:
    """Return where a thought begins that the reply does not close; None if there is none."""
    if begins_with_thought(reply[start:]):
        return start
    for opening in OPENING.finditer(reply, start):
        if _begins_thought(reply, opening) and not parts.contain(start, opening):
            return opening.start()
    return None


def _begins_thought(reply: str, opening: re.Match[str]) -> bool:
    """Return whether a tag in the middle of an answer is no mere mention of it."""
    before = reply[: opening.start()].rpartition("\n")[2]
    after = reply[opening.end() :].partition("\n")[0]
    return not before.strip() and not after.startswith(" ")
