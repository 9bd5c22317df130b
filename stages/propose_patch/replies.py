"""Classify a model's reply: it has edits, says what the issue lacks, or is unusable."""

import re

from pipeline.model import ModelReply
from pipeline.outcome import Facts, Outcome
from pipeline.stage import Stop
from prompts.filters import clip, one_line
from repository.edits.readers import read_reply
from repository.edits.readers.thoughts import without_thoughts

#: Characters of the model's text that a run's reason quotes.
MAX_REASON = 600
REFUSED = "The model refused to answer, or the provider's content filter stopped its reply."
_REPLY = re.compile(r"^\W{0,4}REPLY\s+(?P<name>\W{0,2}C\d{1,3})\W{0,3}:\s*(?P<text>\S.*)$", re.M)
_NEEDS_INFO = re.compile(r"^\W*NEEDS_INFO\W*:\s*(?P<what>\S.*)", re.M | re.S)


def holds_edit(text: str) -> bool:
    """Whether ``apply_patch`` can read a complete edit from the text."""
    return bool(read_reply(text).edits)


def unusable_reason(reply: ModelReply) -> str | None:
    """Return why nothing of a reply is used, or None if the next stage may find a change in it."""
    if reply.refused:
        return REFUSED
    if reply.cut_off:
        return describe_cut(reply.completion_tokens)
    if not reply.content.strip():
        return f"The reply was empty (finish reason: {reply.finish_reason or 'none given'})."
    return None


def describe_cut(tokens: int) -> str:
    """Say that a reply was cut off. Even if its last edit is whole, others may be missing."""
    return (
        f"The reply was cut off at its maximum length ({tokens} tokens, reasoning included), so"
        " nothing of it was used. The next one may be longer, if the model and the budget allow"
        " it; keep the analysis shorter all the same."
    )


def read_needs_info(text: str, exchange_key: str) -> Stop | None:
    """Return the end of the run if the model says what the issue lacks and proposes no edit."""
    what = find_missing_info(without_thoughts(text))
    if what is None or holds_edit(text):
        return None
    return stop_for_missing_info(what, exchange_key)


def find_missing_info(text: str) -> str | None:
    """Return what follows ``NEEDS_INFO:`` at the start of a line; None if no line has it."""
    match = _NEEDS_INFO.search(text)
    return match["what"] if match else None


def stop_for_missing_info(what: str, exchange_key: str) -> Stop:
    reason = f"the model says that the issue lacks: {clip(one_line(what), MAX_REASON)}"
    return Stop(Outcome.NEEDS_INFO, reason, Facts(artifacts={"exchange": exchange_key}))


def split_comment_replies(text: str) -> tuple[str, dict[str, str]]:
    """Return a reply of the model without its ``REPLY`` lines, and these by the comment's name."""
    replies: dict[str, str] = {}
    for match in _REPLY.finditer(text):
        replies[match["name"]] = match["text"].strip()
    return _REPLY.sub("", text), replies
