"""The types of a template's variables, as declared in its front matter.

issue:                                     # an object with these fields
  number: int
  title: untrusted str                     # written by strangers
  comments: [{body: untrusted str}]        # a list
failures: untrusted map                    # str -> str
feedback?: framed str                      # our sentences; strangers' text in them is framed
                                           # already. May be None
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_LEAF = re.compile(r"(?P<trust>untrusted |framed )?(?P<kind>str|int|float|bool|map)")
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
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
    """Whether strangers wrote it, or a part of it."""
    framed: bool = False
    """Whether that part is framed already; only for untrusted text."""
    optional: bool = False
    item: "Shape | None" = None
    """Of a list."""
    fields: Mapping[str, "Shape"] = field(default_factory=dict)
    """Of an object."""


def parse(raw: Any, *, optional: bool = False) -> Shape:
    """Parse one type from loaded YAML.

    Raises:
        ValueError: it is not a type; the message says how to write one.
    """
    match raw:
        case str():
            leaf = _LEAF.fullmatch(raw)
            if leaf is not None:
                framed = leaf["trust"] == "framed "
                return Shape(leaf["kind"], bool(leaf["trust"]), framed, optional)
        case [item]:
            return Shape("list", optional=optional, item=parse(item))
        case dict() if raw and all(isinstance(name, str) for name in raw):
            return Shape("object", optional=optional, fields=parse_fields(raw))
    raise ValueError(
        f"{raw!r} is not a type: write str, int, float, bool or map (optionally after"
        " 'untrusted ' or 'framed '), [item] or fields"
    )


def parse_fields(raw: Mapping[str, Any]) -> dict[str, Shape]:
    """Parse named types; a value whose name ends in ``?`` may be None. Raises like ``parse``."""
    fields = {}
    for name, value in raw.items():
        fields[name.removesuffix("?")] = parse(value, optional=name.endswith("?"))
    return fields


def project(shape: Shape, value: Any, path: str) -> Any:
    """Return the part of ``value`` that the shape declares, as plain data.

    None of our objects reaches a template. ``path`` names the value in errors.

    Raises:
        ValueError: it is of another type, or lacks a field; the message says where.
    """
    if value is None and shape.optional:
        return None
    match shape.kind:
        case "object":
            return _project_fields(shape, value, path)
        case "list" if _is_list(value) and shape.item is not None:
            item = shape.item
            return [project(item, each, f"{path}[{index}]") for index, each in enumerate(value)]
        case "map" if _is_map_of_text(value):
            return dict(value)
        case kind if isinstance(value, _PYTHON_TYPES.get(kind, ())):
            return value
    raise ValueError(f"{path}: expected {shape.kind}, not {type(value).__name__}")


def _project_fields(shape: Shape, value: Any, path: str) -> dict[str, Any]:
    result = {}
    for name, field_shape in shape.fields.items():
        field_path = f"{path}.{name}"
        field_value = _field_of(value, name, field_shape, path)
        result[name] = project(field_shape, field_value, field_path)
    return result


def _field_of(value: Any, name: str, shape: Shape, path: str) -> Any:
    try:
        if isinstance(value, Mapping):
            return value[name]
        return getattr(value, name)
    except (KeyError, AttributeError):
        if shape.optional:
            return None
        raise ValueError(f"{path}.{name} is missing") from None


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_map_of_text(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    texts = [*value.keys(), *value.values()]
    return all(isinstance(text, str) for text in texts)


def incompatibilities(declared: Shape, provided: Shape, path: str) -> Iterator[str]:
    """Yield one message for each place where a template expects more than the pipeline provides."""
    if declared.kind != provided.kind:
        yield f"{path!r} is {declared.kind}, but the pipeline provides {provided.kind}"
    elif provided.untrusted and not declared.untrusted:
        yield f"{path!r} must be marked untrusted: strangers write it"
    elif declared.framed and not provided.framed:
        yield f"{path!r} must be marked untrusted: it is not framed yet"
    elif provided.optional and not declared.optional:
        name = path.rsplit(".", 1)[-1]
        yield f"{path!r} must be marked optional ({name}?): it may be None"
    if declared.item is not None and provided.item is not None:
        yield from incompatibilities(declared.item, provided.item, f"{path}[]")
    for name, shape in declared.fields.items():
        if name in provided.fields:
            yield from incompatibilities(shape, provided.fields[name], f"{path}.{name}")
        else:
            yield f"'{path}.{name}': the pipeline provides no such field"
