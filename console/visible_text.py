"""Text from strangers, made safe to show on a terminal and in a page."""

import unicodedata

_CONTROL_PICTURES = {code: 0x2400 + code for code in range(32) if code not in (9, 10)}
"""A visible character for each control character; see the Unicode block Control Pictures."""
_UNPRINTABLE = ("Cc", "Cf", "Co", "Cs")
"""Unicode categories: control, format (such as a change of direction), private use, surrogate."""
_REPLACEMENT = "\ufffd"


def visible(text: str) -> str:
    """Return text in which only line feeds have an effect on a terminal."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line if line.isprintable() else _visible_line(line) for line in lines)


def _visible_line(line: str) -> str:
    shown = line.expandtabs(8).translate({**_CONTROL_PICTURES, 127: 0x2421})
    return "".join(character if _is_printable(character) else _REPLACEMENT for character in shown)


def _is_printable(character: str) -> bool:
    return unicodedata.category(character) not in _UNPRINTABLE
