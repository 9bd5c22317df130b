"""Filters that put untrusted text into a template as data: it can't end its frame, nor act where it
is read.

Where each belongs: ``fenced`` and ``code`` in prompts; ``inert`` (then ``quoted``, or ``one_line``
before it) in what GitHub renders or parses; ``clip`` wherever a size must be bounded."""

import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any

BYTES_PER_TOKEN = 3
"""Rather too few, so that estimates are rather high: code has 3 to 4 with common tokenisers."""
_BREAK = "\u200b"
"""A zero-width space: shows nothing, and GitHub no longer sees a mention, a reference, a tag or a link."""

#: Behind each of these the break goes: @mention, #1, GH-1, an HTML tag or comment, an image, a link
#: and its definition, and a bare address (which makes a back-reference there, or closes that
#: issue).
_ACTIVE = re.compile(
    r"@(?=\w)|#(?=\d)|GH-(?=\d)|<(?=[A-Za-z/!?])|!(?=\[)|\](?=[(:\[])|(?:https?|ftp):(?=//)|www(?=\.)",
    re.I,
)
_BACKTICKS = re.compile(r"`+")


def fenced(text: str) -> str:
    """``text`` in a code fence one backtick longer than any run in it, so that nothing in it closes the fence
    (https://spec.commonmark.org/0.31.2/#fenced-code-blocks)."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}"


def code(text: str) -> str:
    """``text`` as one line of inline code; the delimiter is longer than any run of backticks in it."""
    line = one_line(text)
    ticks = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{line}{pad}{ticks}" if line else "(empty)"


def one_line(text: str) -> str:
    """``text`` on one line, without control and format characters, stripped."""
    return " ".join(_printable(" ".join(str(text).split())).split())


def inert(text: str) -> str:
    """``text`` for GitHub's Markdown and for commit messages: it pings nobody, closes and references no issue,
    and holds no HTML (so no comment that fakes our marker), no image and no link."""
    return _ACTIVE.sub(lambda match: match[0] + _BREAK, _printable(str(text)))


def quoted(text: str) -> str:
    """``text`` as a block quote, which also ends whatever block it leaves open."""
    return "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines()) or "> (empty)"


def tokens_of(text: str) -> int:
    """Return an estimate, rather too high. It needs no tokeniser and is the same for each model."""
    return math.ceil(len(text.encode()) / BYTES_PER_TOKEN)


def clip(text: str, size: int) -> str:
    """At most about ``size`` characters: the middle is left out, and says so."""
    if len(text) <= size:
        return text
    head = size * 2 // 3
    tail = size - head
    gap = f"[... {len(text) - size} characters left out ...]"
    joint = "\n" if "\n" in text else " "
    return f"{text[:head]}{joint}{gap}{joint}{text[len(text) - tail :]}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)


def _printable(text: str) -> str:
    """Without control and format characters; the break stays, so that filters can follow each
    other.
    """
    kept = "\n\t" + _BREAK
    return "".join(
        ch for ch in text if ch in kept or unicodedata.category(ch) not in ("Cc", "Cf", "Co", "Cs")
    )


FILTERS: dict[str, Callable[..., Any]] = {
    "clip": clip,
    "code": code,
    "fenced": fenced,
    "inert": inert,
    "one_line": one_line,
    "quoted": quoted,
}
