"""Find the path of the file that an edit in a reply is for."""

import re
from collections.abc import Sequence

FENCE = re.compile(r"^\s*(?:`{3,}|~{3,}|</?[a-z]+>)\s*(?P<info>.*)$")
"""A code fence, or a tag alone on its line."""
CODE_FENCE = re.compile(r"^[ \t]*(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^`]*)$")
_TAGGED = re.compile(r"^<(file|path|filename|file_path)>(?P<path>[^<]*)</\1>$")
_BULLET = re.compile(r"^(?:[-+]|\d+[.)])\s+")
_LABEL = re.compile(r"^(?:file|filename|file ?path|path)\s*:\s*", re.I)
_LIKE_A_PATH = re.compile(r"[/.]\w|^(?:[A-Za-z]+file|[A-Z][A-Z_]+)$")
"""A slash, an extension, or a name such as Makefile or LICENSE."""
_DECORATION = "`*\"'# \t"
_END_OF_SENTENCE = (".", ",", ";", "!", "?")
_MAX_LINE = 400
"""Maximum length of a line that can consist of a path, in characters."""


def as_path(line: str) -> str | None:
    """Return the path that a line consists of; None if it is anything else.

    ``### `a/b.py`:`` is a path, a sentence that contains one is not.
    """
    if len(line) > _MAX_LINE:
        return None
    tagged = _TAGGED.match(line.strip())
    if tagged:
        return tagged["path"].strip().removeprefix("./") or None
    text = line.strip().removeprefix("//").strip(_DECORATION)
    text = _BULLET.sub("", text).strip(_DECORATION)
    label = _LABEL.match(text)
    if label:
        text = text[label.end() :]
    text = text.strip(_DECORATION).rstrip(":").strip(_DECORATION)
    certain = label is not None or "`" in line
    if not certain and (" " in text or not _LIKE_A_PATH.search(text)):
        return None
    if not text or "`" in text or text.endswith(_END_OF_SENTENCE):
        return None
    return text.removeprefix("./")


def path_before(lines: Sequence[str], opening: int, start: int) -> tuple[str | None, int]:
    """Return the path above a block, and the line at which the block's header begins.

    Searches upwards from the line above ``opening`` to ``start``, across blank lines and fences.
    """
    header = opening
    for at in range(opening - 1, start - 1, -1):
        line = lines[at]
        tagged = _TAGGED.match(line.strip())
        fence = None if tagged else FENCE.match(line)
        if fence is not None:
            header = at
            path = _path_in_info(fence["info"])
            if path:
                return path, at
        elif line.strip():
            path = as_path(line)
            return path, at if path else header
    return None, header


def _path_in_info(info: str) -> str | None:
    """Return the path that follows a fence's mark, or the language after it."""
    path = as_path(info)
    if path:
        return path
    words = info.split(maxsplit=1)
    return as_path(words[-1]) if words else None
