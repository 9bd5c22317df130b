"""Normalize the output of programs, so that the same work sends the same bytes to the model."""

import re
from pathlib import Path

_VARIABLE_PARTS = (
    (re.compile(r"\b\d+\.\d+ ?(?=s\b|seconds?\b)"), "N "),
    (re.compile(r"\b0x[0-9a-fA-F]{6,}\b"), "0x..."),
    (re.compile(r"\bpytest-of-[\w.-]+/pytest-\d+"), "pytest"),
)
_MAX_LINE = 200


def normalize_output(text: str, workspace: Path) -> str:
    """Return ``text`` without durations, addresses and this machine's folders."""
    text = replace_path(text, f"{workspace}/tree/", "")
    text = replace_path(text, f"{workspace}/tree", ".")
    text = replace_path(text, f"{workspace}/", "")
    for pattern, replacement in _VARIABLE_PARTS:
        text = pattern.sub(replacement, text)
    return text


def last_printed_line(output: str) -> str:
    """Return the last line that a program printed, clipped; empty if it printed nothing.

    Our own notes in the output begin with a bracket.
    """
    for line in reversed(output.splitlines()):
        if line.strip() and not line.startswith("["):
            return line.strip()[:_MAX_LINE]
    return ""


def replace_path(text: str, path: str, replacement: str) -> str:
    """Replace an absolute path, but not the same characters within another path.

    A repository may have a folder of that name, such as ``src/workspace/`` for ``/workspace/``.
    """
    after = "" if path.endswith("/") else r"(?![\w-])"
    return re.sub(r"(?<![\w.-])" + re.escape(path) + after, lambda _: replacement, text)
