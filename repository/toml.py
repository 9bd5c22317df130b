"""TOML that strangers wrote, and the name of the file in which a repository speaks to this service."""

import re
import tomllib
from typing import Any

CONFIG = ".coding-agent.toml"
#: tomllib's time grows with the cube of a dotted key's parts.
MAX_PARTS = 60
_QUOTED = re.compile(r""""[^"]*"|'[^']*'""")


def read_toml(text: str) -> dict[str, Any]:
    """What TOML says.

    Raises:
        ValueError: it is no TOML (tomllib's own is one), a line may hold a key of too many parts, or it is nested too
            deep.
    """
    for line in text.split("\n"):
        if line.count(".") > MAX_PARTS and _QUOTED.sub("", line).count(".") > MAX_PARTS:
            raise ValueError(f"a line has more than {MAX_PARTS} dots outside of quotes")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
