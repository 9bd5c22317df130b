"""What models write in place of code that they leave out: ``...``, by itself or in a comment."""

import re

_COMMENT = r"(?:#|//|--|/\*|<!--|;)\s*"
_DOTS = r"(?:\.\.\.|…)"
_COMMENT_END = r"\s*(?:\*/|-->)?"
_WORDS = (
    r"(?:the )?(?:rest|existing|other|remaining|previous|same|unchanged|more|code|your|omitted"
    r"|as before)\b.*"
)
_ELISION = re.compile(rf"(?:{_COMMENT})?{_DOTS}{_COMMENT_END}")
_PLACEHOLDER = re.compile(rf"{_COMMENT}{_DOTS}\s*(?:{_WORDS})?{_COMMENT_END}", re.I)
_BEGINNING = re.compile(rf"(?:{_COMMENT})?{_DOTS}")
_MAX_PLACEHOLDER = 300
"""Maximum length of a line that can be a placeholder, in characters."""


def is_elision(line: str) -> bool:
    """Return whether a line has nothing but ``...``, perhaps as a comment."""
    return _ELISION.fullmatch(line.strip()) is not None


def is_placeholder(line: str) -> bool:
    """Return whether a line is a comment such as ``# ... the rest of the code``.

    Written to a file, it would delete that code. ``...`` by itself is Python.
    """
    return len(line) < _MAX_PLACEHOLDER and _PLACEHOLDER.fullmatch(line.strip()) is not None


def begins_with_elision(line: str) -> bool:
    """Return whether a line begins with ``...``, perhaps in a comment, whatever follows."""
    return _BEGINNING.match(line.strip()) is not None
