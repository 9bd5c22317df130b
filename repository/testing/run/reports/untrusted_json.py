"""JSON that hostile code may have written: what is not an object is an empty one."""

import json
from typing import Any


def parse_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def objects_in(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; none if ``value`` is no list."""
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, dict)]
