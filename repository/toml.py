"""A TOML reader for untrusted text."""

import re
import tomllib
from typing import Any

#: tomllib's time grows with the cube of the number of a dotted key's parts.
MAX_PARTS = 60
_QUOTED = re.compile(r""""[^"]*"|'[^']*'""")


def read_toml(text: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        ValueError: the text is not TOML (tomllib's own error is a ValueError), a line could contain
            a key with too many parts, or the text is nested too deeply.
    """
    for line in text.split("\n"):
        if line.count(".") <= MAX_PARTS:
            continue
        if _QUOTED.sub("", line).count(".") > MAX_PARTS:
            raise ValueError(f"a line has more than {MAX_PARTS} dots outside of quotes")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
