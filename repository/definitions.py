"""Find where source code defines a name: by lines in any language, by syntax in Python."""

import ast
import re
from collections import deque
from collections.abc import Iterator, Sequence
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
_BINDING_KEYWORDS = ("const", "let", "var", "object", "protocol", "record", "macro")
"""They define a name, but too often inside a function to be used to divide a file."""
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
_PythonDefinition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_LINES_WITHOUT_SYNTAX = 40
"""Number of lines to show of a definition whose end is unknown."""


@dataclass(frozen=True)
class DefinitionLine:
    """The first line of a function, a class or the like."""

    name: str
    column: int
    """Columns of indentation, with tabs expanded to eight."""
    is_container: bool
    """Whether it is a class or the like, which contains definitions of its own."""


@dataclass(frozen=True)
class LineRange:
    """A range of lines of a file, counted from 1, both ends included."""

    first: int
    last: int


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


def grep_pattern(name: str) -> str:
    """Return a POSIX extended regular expression for lines that define an identifier."""
    keywords = "|".join((*_FUNCTION_KEYWORDS, *_CONTAINER_KEYWORDS, *_BINDING_KEYWORDS))
    return rf"(^|[^[:alnum:]_])({keywords})[[:space:]]+{name}([^[:alnum:]_]|$)"


def find_definitions(path: str, lines: Sequence[str], name: str) -> list[LineRange]:
    """Return where a file defines ``name``, which can be dotted, such as ``Cart.total``.

    Python is parsed. In other languages, and if Python can't be parsed, the result is the first
    line with the name and a number of lines after it.
    """
    module: ast.Module | None = None
    if path.endswith((".py", ".pyi")):
        module = _parse("\n".join(lines))
    if module is None:
        *_, last_part = name.split(".")
        return _first_mention(lines, last_part)

    ranges: list[LineRange] = []
    for qualified_name, node in _python_definitions(module):
        if f".{qualified_name}".endswith(f".{name}"):
            ranges.append(LineRange(node.lineno, node.end_lineno or node.lineno))
    return sorted(ranges, key=lambda lines: (lines.first, lines.last))


def _python_definitions(module: ast.Module) -> Iterator[tuple[str, _PythonDefinition]]:
    """Yield each class and function of a module with its qualified name, outer ones first."""
    pending: deque[tuple[ast.AST, str]] = deque([(module, "")])
    while pending:
        parent, prefix = pending.popleft()
        for child in ast.iter_child_nodes(parent):
            if isinstance(child, _PythonDefinition):
                qualified_name = f"{prefix}{child.name}"
                yield qualified_name, child
                pending.append((child, f"{qualified_name}."))
            else:
                pending.append((child, prefix))


def _parse(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _first_mention(lines: Sequence[str], name: str) -> list[LineRange]:
    for number, line in enumerate(lines, 1):
        if name in line:
            return [LineRange(number, min(number + _LINES_WITHOUT_SYNTAX, len(lines)))]
    return []
