"""What programs print, without what changes from one run to the next: the same work sends the same
bytes.
"""

import re
from pathlib import Path

_CHANGING = (
    (re.compile(r"\b\d+\.\d+ ?(?=s\b|seconds?\b)"), "N "),
    (re.compile(r"\b0x[0-9a-fA-F]{6,}\b"), "0x..."),
    (re.compile(r"\bpytest-of-[\w.-]+/pytest-\d+"), "pytest"),
)


def steady(text: str, workspace: Path) -> str:
    """``text`` without durations, addresses and this machine's folders."""
    text = (
        text.replace(f"{workspace}/tree/", "")
        .replace(f"{workspace}/tree", ".")
        .replace(f"{workspace}/", "")
    )
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    return text
