"""What a model says about its change: the title and the summary of the pull request."""

import re

from prompts.filters import one_line

MAX_TITLE = 72
"""Characters: what GitHub and git's tools show of a subject."""
MIN_TITLE = 8

#: ``Title: ...`` at the beginning of a line, perhaps in bold.
_TITLE_LINE = re.compile(
    r"^[ \t]*\W{0,3}Title\W{0,3}:\W{0,3}[ \t]*(?P<title>\S.*)$\n?", re.I | re.M
)
#: The type of a conventional commit, which does not count as a part of the title.
_TYPE = re.compile(r"[a-z]+(?:\([^()]*\))?!?:\s+")
#: Words about the work on the change, which a reader of the pull request has not seen.
_ABOUT_THE_WORK = re.compile(
    r"\b(?:first|second|previous|earlier|last|initial|my|our)\s+(?:try|attempt|round|patch|version"
    r"|submission|proposal)\b"
    r"|\bas\s+(?:you\s+)?(?:requested|asked|suggested|mentioned)\s*(?:above|before|earlier)?\b"
    r"|\b(?:this|the)\s+time\s+(?:around|I)\b"
    r"|\b(?:harness|reviewer's feedback|your feedback)\b",
    re.I,
)
#: Titles that say nothing about the change.
_EMPTY_TITLE = re.compile(
    r"(?:fix(?:es|ed)?|resolve[sd]?|close[sd]?|address(?:es|ed)?|update|solve[sd]?)?\s*"
    r"(?:the\s+|this\s+)?(?:issue|bug|problem|ticket|code|fix|patch|change)?s?\W*(?:#?\d+)?\W*",
    re.I,
)
#: A link, HTML, emphasis, a heading, a list, a quote.
_MARKUP = re.compile(r"\]\(|<[A-Za-z/!]|\*\*|__\w|^\s*(?:#+|[-*+>])\s")
_REFERENCE = re.compile(r"#\d|\bGH-\d|https?://|@\w", re.I)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def split_title(prose: str) -> tuple[str, str]:
    """Return the title in the line ``Title: ...``, and the text without it.

    The title is empty if there is no such line.
    """
    match = _TITLE_LINE.search(prose)
    if match is None:
        return "", prose
    rest = prose[: match.start()] + prose[match.end() :]
    return match["title"].strip(" \t*_\"'"), rest.strip()


def find_title_fault(title: str) -> str | None:
    """Return what is wrong with a title, as the end of a sentence; None if it can be used."""
    if len(title.strip().splitlines()) != 1:
        return "is not one line"
    text = one_line(title)
    kind = _TYPE.match(text)
    length = len(text) - (kind.end() if kind else 0)
    if length > MAX_TITLE:
        return f"has {length} characters; at most {MAX_TITLE}"
    if len(text) < MIN_TITLE or _EMPTY_TITLE.fullmatch(text):
        return "does not say what the change does"
    if _REFERENCE.search(text):
        return "refers to an issue, a person or an address"
    if _MARKUP.search(text):
        return "has markup"
    if _ABOUT_THE_WORK.search(text):
        return "speaks of the work on the change, which its readers have not seen"
    return None


def speaks_of_the_work(summary: str) -> bool:
    """Whether a summary needs the conversation in which the change was made to be understood."""
    return _ABOUT_THE_WORK.search(summary) is not None


def standing_alone(summary: str) -> str:
    """Return the summary without sentences about the work on the change, if others remain."""
    sentences = _SENTENCE_END.split(summary)
    kept = [sentence for sentence in sentences if not _ABOUT_THE_WORK.search(sentence)]
    if len(kept) == len(sentences) or not kept:
        return summary
    return " ".join(kept)
