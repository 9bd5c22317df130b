"""JSON that hostile code may have written: what has another type than expected counts as empty."""

import json
from typing import Any

JsonObject = dict[str, Any]


def parse_object(text: str) -> JsonObject:
    """Return the object; an empty one if ``text`` is no JSON, or no object."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def text_field(parent: JsonObject, name: str) -> str:
    return str(parent.get(name, ""))


def list_field(parent: JsonObject, name: str) -> list[Any]:
    value = parent.get(name)
    return value if isinstance(value, list) else []


def object_list_field(parent: JsonObject, name: str) -> list[JsonObject]:
    items = list_field(parent, name)
    return [item for item in items if isinstance(item, dict)]
