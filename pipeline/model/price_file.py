"""Rows of litellm's price list, read from its file: importing litellm takes seconds."""

import functools
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

#: The list that litellm has in its package, and uses if it may not fetch a newer one.
_FILE = "model_prices_and_context_window_backup.json"


def row_in_file(model: str) -> dict[str, Any] | None:
    """Return the row that the file has under the model's own name, with or without its provider.

    None if it has none: litellm may still find one, by rules about names.
    """
    rows = read_file()
    row = rows.get(model)
    provider, _, name = model.partition("/")
    if row is not None:
        is_named_provider = not name or row.get("litellm_provider") == provider
        return row if is_named_provider else None
    row = rows.get(name)
    if row is None or row.get("litellm_provider") != provider:
        return None
    return row


@functools.cache
def read_file() -> dict[str, dict[str, Any]]:
    """Return the rows by name; none if litellm is not installed."""
    package = find_spec("litellm")
    if package is None or package.origin is None:
        return {}
    file = Path(package.origin).with_name(_FILE)
    if not file.is_file():
        return {}
    rows: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return rows
