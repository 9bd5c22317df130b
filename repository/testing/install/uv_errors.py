"""Excerpts of uv's output."""

import re

_ERROR = re.compile(r"(error|×)")


def first_error(output: str) -> str:
    """Return the first error line, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for line in lines:
        if _ERROR.match(line):
            return line[:300]
    return lines[-1][:300] if lines else "no output"
