"""Recognize the lines that begin a definition, in any language."""

import re
from dataclasses import dataclass

_FUNCTION_KEYWORDS = ("def", "func", "function", "fn")
_CONTAINER_KEYWORDS = (
    "class",
    "interface",
    "struct",
    "trait",
    "impl",
    "enum",
    "module",
    "type",
)
_MODIFIERS = (
    "export",
    "default",
    "public",
    "private",
    "protected",
    "static",
    "abstract",
    "final",
    "async",
    "pub",
    "inline",
)
_DEFINITION_LINE = re.compile(
    r"^(?P<indent>[ \t]*)"
    rf"(?:(?:{'|'.join(_MODIFIERS)})[ \t]+){{0,5}}"
    rf"(?P<keyword>{'|'.join((*_FUNCTION_KEYWORDS, *_CONTAINER_KEYWORDS))})[ \t]+"
    r"(?P<name>[A-Za-z_]\w*)",
    re.M,
)


@dataclass(frozen=True)
class DefinitionLine:
    """The first line of a function, a class or the like."""

    name: str
    column: int
    """Columns of indentation, with tabs expanded to eight."""
    is_container: bool
    """Whether it is a class or the like, which contains definitions of its own."""


def definition_at(line: str) -> DefinitionLine | None:
    """Return the definition that a line begins, in any language; None if it begins none."""
    match = _DEFINITION_LINE.match(line)
    if match is None:
        return None
    return DefinitionLine(
        name=match["name"],
        column=column_of(line),
        is_container=match["keyword"] in _CONTAINER_KEYWORDS,
    )


def column_of(line: str) -> int:
    """Return the columns of a line's indentation, with tabs expanded to eight."""
    expanded = line.expandtabs()
    return len(expanded) - len(expanded.lstrip(" "))


def defined_names(text: str) -> set[str]:
    """Return the names of all functions, classes and the like that the text defines."""
    return {match["name"] for match in _DEFINITION_LINE.finditer(text)}
