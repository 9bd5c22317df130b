"""Read JSON that hostile code may have written: values of unexpected types count as empty."""

import json
from typing import Any

JsonObject = dict[str, Any]


def parse_object(text: str) -> JsonObject:
    """Return the object, or an empty one if ``text`` is not a JSON object."""
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
