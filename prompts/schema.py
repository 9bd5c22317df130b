"""What a template's front matter says of its variables: their types, and which of them strangers
wrote.

issue:                                     # an object with these fields
  number: int
  title: untrusted str
  comments: [{body: untrusted str}]        # a list
failures: untrusted map                    # str -> str
feedback?: untrusted str                   # may be None
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_LEAF = re.compile(r"(?P<untrusted>untrusted )?(?P<kind>str|int|float|bool|map)")
_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
}


@dataclass(frozen=True)
class Shape:
    kind: str
    """str, int, float, bool, map, list or object"""
    untrusted: bool = False
    optional: bool = False
    item: "Shape | None" = None
    """Of a list."""
    fields: Mapping[str, "Shape"] = field(default_factory=dict)
    """Of an object."""


def parse(raw: Any, *, optional: bool = False) -> Shape:
    """Raises ValueError, which says how to write it."""
    match raw:
        case str() if leaf := _LEAF.fullmatch(raw):
            return Shape(leaf["kind"], bool(leaf["untrusted"]), optional)
        case [item]:
            return Shape("list", optional=optional, item=parse(item))
        case dict() if raw and all(isinstance(name, str) for name in raw):
            return Shape("object", optional=optional, fields=parse_fields(raw))
    raise ValueError(
        f"{raw!r} is no type: write str, int, float, bool or map, 'untrusted ' before it, [item] or"
        " fields"
    )


def parse_fields(raw: Mapping[str, Any]) -> dict[str, Shape]:
    return {
        name.removesuffix("?"): parse(value, optional=name.endswith("?"))
        for name, value in raw.items()
    }


def pick(shape: Shape, value: Any, path: str) -> Any:
    """Of ``value`` what the shape declares, as plain data: no object of ours gets into a template.

    Raises:
        ValueError: it is of another type, or lacks a field; the text says where.
    """
    if value is None and shape.optional:
        return None
    match shape.kind:
        case "object":
            return {
                name: pick(of, _get(value, name, of, path), f"{path}.{name}")
                for name, of in shape.fields.items()
            }
        case "list" if isinstance(value, Sequence) and not isinstance(value, str) and shape.item:
            return [pick(shape.item, item, f"{path}[{at}]") for at, item in enumerate(value)]
        case "map" if isinstance(value, Mapping) and all(
            isinstance(text, str) for pair in value.items() for text in pair
        ):
            return dict(value)
        case kind if isinstance(value, _TYPES.get(kind, ())):
            return value
    raise ValueError(f"{path}: {shape.kind} is needed, not {type(value).__name__}")


def _get(value: Any, name: str, shape: Shape, path: str) -> Any:
    try:
        return value[name] if isinstance(value, Mapping) else getattr(value, name)
    except (KeyError, AttributeError):
        if shape.optional:
            return None
        raise ValueError(f"{path}.{name} is missing") from None


def beyond(declared: Shape, given: Shape, path: str) -> Iterator[str]:
    """Where a template counts on more than what it is given."""
    if declared.kind != given.kind:
        yield f"{path!r} is {declared.kind}, but the pipeline gives {given.kind}"
    elif given.untrusted and not declared.untrusted:
        yield f"{path!r} must be marked untrusted: strangers write it"
    elif given.optional and not declared.optional:
        yield f"{path!r} must be marked optional ({path.rsplit('.', 1)[-1]}?): it may be None"
    if declared.item and given.item:
        yield from beyond(declared.item, given.item, f"{path}[]")
    for name, shape in declared.fields.items():
        if name not in given.fields:
            yield f"'{path}.{name}': the pipeline gives it no such field"
        else:
            yield from beyond(shape, given.fields[name], f"{path}.{name}")
