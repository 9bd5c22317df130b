"""Filters that put untrusted text into a template as data: it can neither end its frame nor have an
effect on its reader.

Use ``fenced`` and ``code`` in prompts; ``inert`` (followed by ``quoted``, or preceded by
``one_line``) and ``bullets`` in text that GitHub renders or parses; ``clip`` wherever a size must
be bounded.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from prompts.inert_text import inert, printable

_BACKTICKS = re.compile(r"`+")


def fenced(text: str) -> str:
    """Return ``text`` in a code fence that the text can't close.

    The fence is one backtick longer than any run of backticks in the text
    (https://spec.commonmark.org/0.31.2/#fenced-code-blocks).
    """
    fence = "`" * max(3, _longest_run(text) + 1)
    body = text if text.endswith("\n") else text + "\n"
    return f"{fence}\n{body}{fence}"


def code(text: str) -> str:
    """Return ``text`` as one line of inline code; its delimiter is longer than any backtick run."""
    line = one_line(text)
    if not line:
        return "(empty)"
    delimiter = "`" * (_longest_run(line) + 1)
    needs_padding = line.startswith("`") or line.endswith("`")
    padding = " " if needs_padding else ""
    return f"{delimiter}{padding}{line}{padding}{delimiter}"


def one_line(text: str) -> str:
    """Return ``text`` on one line, stripped, without control and format characters."""
    joined = " ".join(str(text).split())
    return " ".join(printable(joined).split())


def quoted(text: str) -> str:
    """Return ``text`` as a block quote, which also ends any block that the text leaves open."""
    lines = [f"> {line}".rstrip() for line in text.strip().splitlines()]
    return "\n".join(lines) or "> (empty)"


def clip(text: str, size: int) -> str:
    """Return ``text`` cut to about ``size`` characters; a note replaces the middle."""
    if len(text) <= size:
        return text
    head = size * 2 // 3
    tail = size - head
    note = f"[... {len(text) - size} characters left out ...]"
    separator = "\n" if "\n" in text else " "
    return f"{text[:head]}{separator}{note}{separator}{text[len(text) - tail :]}"


def clip_framed(text: str, size: int) -> str:
    """Return ``text``, which has frames, unchanged if it is short enough; else as data.

    A cut could take the end of a frame away. Then what was data would be read as ours.
    """
    if len(text) <= size:
        return text
    return f"Too long to be shown whole:\n\n{fenced(clip(text, size))}"


def bullets(names: Iterable[str], limit: int = 20) -> str:
    """Return a Markdown list of ``names`` as inert inline code, at most ``limit`` of them."""
    items = list(names)
    lines = []
    for name in items[:limit]:
        text = inert(clip(name, 300))
        lines.append(f"- {code(text)}")
    if len(items) > limit:
        lines.append(f"- and {len(items) - limit} more")
    return "\n".join(lines)


def _longest_run(text: str) -> int:
    """Return the length of the longest run of backticks."""
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)


FILTERS: dict[str, Callable[..., Any]] = {
    "bullets": bullets,
    "clip": clip,
    "code": code,
    "fenced": fenced,
    "inert": inert,
    "one_line": one_line,
    "quoted": quoted,
}
