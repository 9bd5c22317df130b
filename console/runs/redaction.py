"""Secrets are replaced in every text of a report, wherever it came from."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar, cast

from pydantic import BaseModel

Value = TypeVar("Value")


def redacted(value: Value, redact: Callable[[str], str]) -> Value:
    """Return a copy without secrets of dataclasses, models, collections or texts."""
    return cast(Value, _redacted(value, redact))


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, BaseModel):
        names = list(type(value).model_fields)
        return value.model_copy(update=_fields(value, names, redact))
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value)]
        return replace(value, **_fields(value, names, redact))
    if isinstance(value, Mapping):
        keys = _items(value.keys(), redact)
        items = _items(value.values(), redact)
        return dict(zip(keys, items, strict=True))
    if isinstance(value, (tuple, list, frozenset, set)):
        kind = type(value)
        return kind(_items(value, redact))
    return value


def _items(values: Iterable[Any], redact: Callable[[str], str]) -> list[Any]:
    return [_redacted(value, redact) for value in values]


def _fields(value: Any, names: Iterable[str], redact: Callable[[str], str]) -> dict[str, Any]:
    values = {}
    for name in names:
        values[name] = _redacted(getattr(value, name), redact)
    return values
