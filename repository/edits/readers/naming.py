"""Where a reply names the file of an edit."""

import re

FENCE = re.compile(r"^\s*(?:`{3,}|~{3,}|</?[a-z]+>)\s*(?P<info>.*)$")
CODE_FENCE = re.compile(r"^[ \t]*(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^`]*)$")
_TAGGED = re.compile(r"^<(file|path|filename|file_path)>([^<]*)</\1>$")
_BULLET = re.compile(r"^(?:[-+]|\d+[.)])\s+")
_LABEL = re.compile(r"^(?:file|filename|file ?path|path)\s*:\s*", re.I)
_PATHLIKE = re.compile(r"[/.]\w|^(?:[A-Za-z]+file|[A-Z][A-Z_]+)$")
"""A slash, an extension, or a name such as Makefile or LICENSE."""
_DECORATION = "`*\"'# \t"
_LONGEST = 400
"""Characters of a line that may be nothing but a path."""


def as_path(line: str) -> str | None:
    """``line`` as a path where it is nothing else: ``### `a/b.py`:`` is one, a sentence that holds
    one is not.
    """
    if len(line) > _LONGEST:
        return None
    if tagged := _TAGGED.match(line.strip()):
        return tagged[2].strip().removeprefix("./") or None
    text = _BULLET.sub("", line.strip().removeprefix("//").strip(_DECORATION)).strip(_DECORATION)
    label = _LABEL.match(text)
    quoted = "`" in line
    text = (
        (text[label.end() :] if label else text).strip(_DECORATION).rstrip(":").strip(_DECORATION)
    )
    if not text or (not (label or quoted) and (" " in text or not _PATHLIKE.search(text))):
        return None
    if "`" in text or text.endswith((".", ",", ";", "!", "?")):
        return None
    return text.removeprefix("./")


def path_before(lines: list[str], opening: int, start: int) -> tuple[str | None, int]:
    """The path that stands before a block, over blank lines and a fence; and where its header
    begins.
    """
    header = opening
    for at in range(opening - 1, start - 1, -1):
        fence = None if _TAGGED.match(lines[at].strip()) else FENCE.match(lines[at])
        if fence is None and lines[at].strip():
            path = as_path(lines[at])
            return path, at if path else header
        if fence is not None:
            header = at
            told = fence["info"].split(maxsplit=1)
            for word in (fence["info"], told[-1] if told else ""):
                if path := as_path(word):
                    return path, at
    return None, header
