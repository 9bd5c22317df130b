"""Read search/replace blocks out of a model's reply.

path/of/file.py
<<<<<<< SEARCH
lines as they are
=======
lines as they shall be
>>>>>>> REPLACE
"""

import re
from dataclasses import dataclass

FORMAT = """\
path/of/the/file.py
<<<<<<< SEARCH
whole lines exactly as they are in the file, indentation included, enough of them to occur only once
=======
the lines that take their place
>>>>>>> REPLACE
(a new file: its path, and nothing between SEARCH and =======)"""

_OPEN = re.compile(r"^(?P<indent>[ \t]*)(?P<mark><{5,9}) ?SEARCH\s*$")
_DIVIDER = re.compile(r"^={5,9}\s*$")
_CLOSE = re.compile(r"^>{5,9} ?REPLACE\s*$")
_FENCE = re.compile(r"^\s*(?:`{3,}|~{3,}|</?[a-z]+>)\s*(?P<info>.*)$")
_BULLET = re.compile(r"^(?:[-+]|\d+[.)])\s+")
_LABEL = re.compile(r"^(?:file|filename|file ?path|path)\s*:\s*", re.I)
_PATHLIKE = re.compile(r"[/.]\w|^(?:[A-Za-z]+file|[A-Z][A-Z_]+)$")
"""A slash, an extension, or a name such as Makefile or LICENSE."""
_DECORATION = "`*\"'# \t"


class EditFailed(Exception):
    """An edit can't be read or applied; nothing of its reply is. The text tells the model which block, and why."""


@dataclass(frozen=True)
class Edit:
    """One block. Where its text holds several divider lines (a heading's underline looks like one), each may be it."""

    number: int
    """Of the block in its reply, from 1."""
    path: str
    lines: tuple[str, ...]
    """Between the SEARCH and REPLACE marks, without line ends."""
    dividers: tuple[int, ...]
    """Indexes into ``lines`` that may part the searched text from its replacement."""

    @property
    def readings(self) -> list[tuple[list[str], list[str]]]:
        """(search, replace), the longest search first: to match more of the file is no accident."""
        return [(list(self.lines[:at]), list(self.lines[at + 1 :])) for at in reversed(self.dividers)]


@dataclass(frozen=True)
class Reply:
    edits: tuple[Edit, ...]
    prose: str
    """What the reply says outside its blocks."""


def parse_edits(reply: str) -> list[Edit]:
    """The blocks of a reply, in order; none where it holds none.

    Raises:
        EditFailed: a block is cut off, nested, without a divider, or names no file.
    """
    return list(parse_reply(reply).edits)


def parse_reply(reply: str) -> Reply:
    """``parse_edits``, with the prose around the blocks."""
    lines = reply.replace("\r\n", "\n").split("\n")
    edits: list[Edit] = []
    prose: list[str] = []
    path: str | None = None
    at = after_last = 0
    while at < len(lines):
        opened = _OPEN.match(lines[at])
        if opened is None:
            if _CLOSE.match(lines[at]):
                raise EditFailed(f"line {at + 1} of the reply ends a block (>>>>>>> REPLACE) where none is open")
            at += 1
            continue
        number = len(edits) + 1
        named, header = _path_before(lines, at, after_last)
        path = named or path
        if path is None:
            raise EditFailed(f"block {number} names no file: write its path on the line before <<<<<<< SEARCH")
        if header > after_last and _FENCE.match(lines[header - 1]):
            header -= 1
        prose += lines[after_last:header]
        body, at = _body(lines, at, opened["indent"], number)
        exact = [n for n, line in enumerate(body) if _DIVIDER.match(line) and len(line.rstrip()) == len(opened["mark"])]
        dividers = exact or [n for n, line in enumerate(body) if _DIVIDER.match(line)]
        if not dividers:
            raise EditFailed(f"block {number} ({path}) has no ======= line between its SEARCH and REPLACE")
        edits.append(Edit(number, path, tuple(body), tuple(dividers)))
        at += 1 if at < len(lines) and _FENCE.match(lines[at]) else 0
        after_last = at
    prose += lines[after_last:]
    return Reply(tuple(edits), re.sub(r"\n{3,}", "\n\n", "\n".join(prose)).strip())


def is_divider(line: str) -> bool:
    return _DIVIDER.match(line) is not None


def _body(lines: list[str], opening: int, indent: str, number: int) -> tuple[list[str], int]:
    """The lines of a block, and where the reply goes on. A block indented as a whole (in a list) is moved back."""
    body: list[str] = []
    for at in range(opening + 1, len(lines)):
        bare = lines[at].removeprefix(indent)
        if lines[at].startswith(indent) and _CLOSE.match(bare):
            whole = all(line.startswith(indent) or not line.strip() or is_divider(line) for line in body)
            return [line.removeprefix(indent) for line in body] if whole else body, at + 1
        if lines[at].startswith(indent) and _OPEN.match(bare) and not bare[0].isspace():
            raise EditFailed(f"block {number} has no >>>>>>> REPLACE before the next block begins")
        body.append(bare if is_divider(bare) else lines[at])
    raise EditFailed(f"the reply ends inside block {number}, before its >>>>>>> REPLACE")


def _path_before(lines: list[str], opening: int, start: int) -> tuple[str | None, int]:
    """The path that stands before a block, over blank lines and a fence; and where its header begins."""
    header = opening
    for at in range(opening - 1, start - 1, -1):
        fence = _FENCE.match(lines[at])
        if fence is None and lines[at].strip():
            path = _as_path(lines[at])
            return path, at if path else header
        if fence is not None:
            header = at
            told = fence["info"].split(maxsplit=1)
            for word in (fence["info"], told[-1] if told else ""):
                if path := _as_path(word):
                    return path, at
    return None, header


def _as_path(line: str) -> str | None:
    """``line`` as a path where it is nothing else: ``### `a/b.py`:`` is one, a sentence that holds one is not."""
    text = _BULLET.sub("", line.strip().removeprefix("//").strip(_DECORATION)).strip(_DECORATION)
    label = _LABEL.match(text)
    quoted = "`" in line
    text = (text[label.end() :] if label else text).strip(_DECORATION).rstrip(":").strip(_DECORATION)
    if not text or (not (label or quoted) and (" " in text or not _PATHLIKE.search(text))):
        return None
    if "`" in text or text.endswith((".", ",", ";", "!", "?")):
        return None
    return text.removeprefix("./")
