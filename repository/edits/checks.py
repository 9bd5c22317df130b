"""Cheap checks of the text that edits write, before any tests are run."""

import ast
import json
import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence

import yaml

from prompts.filters import code
from repository.context.excerpts import OMITTED
from repository.edits.model import EditFailed
from repository.edits.omitted_code import is_placeholder
from repository.toml import read_toml

_CONFLICT_MARKER = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: .*)?$", re.M)
_MAX_YAML = 100_000
"""Characters; the pure Python scanner takes about a second for a million."""
_YAML_TEMPLATE = re.compile(r"\{[{%]")
_MAX_PARSER_MESSAGE = 300
_YamlLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_new_lines(lines: Sequence[str], text: str | None) -> None:
    """Refuse lines that must not be written to a file whose text was ``text``.

    Raises:
        EditFailed: a line is a placeholder for omitted code, or is not text.
    """
    for line in lines:
        if "\0" in line or any("\ud800" <= character <= "\udfff" for character in line):
            raise EditFailed("it writes characters that can't be in a text file")
        problem = _describe_omission(line)
        if problem and line.strip() not in (text or ""):
            raise EditFailed(problem)


def _describe_omission(line: str) -> str:
    """Return why a line that stands for other lines can't be written; empty for other lines."""
    content = line.strip()
    if is_placeholder(line):
        return (
            f"it leaves code out ({code(content[:60])}): write every line that the file should have"
        )
    if OMITTED.fullmatch(content):
        return "it copies a marker for lines that were not shown; the marker is not in the file"
    return ""


def check_paths(paths: Collection[str]) -> None:
    """Refuse paths of which one would have to be both a file and a folder.

    Raises:
        EditFailed: a path is also a parent folder of another.
    """
    for path in paths:
        if any(other.startswith(f"{path}/") for other in paths):
            raise EditFailed(f"{code(path)} would be both a file and a folder")


def check_syntax(before: Mapping[str, str | None], after: Mapping[str, str | None]) -> None:
    """Refuse new files that do not parse, files that no longer do, and new conflict markers.

    Raises:
        EditFailed: the message names each file and quotes the parser.
    """
    problems: list[str] = []
    for path, text in after.items():
        if text is None:
            continue
        old = before.get(path)
        error = _parse_error(path, text)
        if error and (old is None or _parse_error(path, old) is None):
            problems.append(f"With the edits, {code(path[:200])} no longer parses: {error}")
        if _count_conflict_markers(text) > _count_conflict_markers(old or ""):
            problems.append(f"The edits write a conflict marker into {code(path[:200])}")
    if problems:
        raise EditFailed("\n".join(problems))


def _parse_error(path: str, text: str) -> str | None:
    """Return the error in a text that does not parse as the language of its path.

    Return None if it parses, or if there is no parser for the language.
    """
    name = path.rsplit("/", 1)[-1]
    parser = _PARSERS.get(name.rpartition(".")[2])
    if parser is None:
        return None
    try:
        parser(text.removeprefix("\ufeff"))
    except (ValueError, SyntaxError, yaml.YAMLError, RecursionError, MemoryError) as error:
        return _describe_parser_error(error)
    return None


def parses_as_python(path: str, text: str) -> bool:
    """Return whether the path is a Python file's and the text parses."""
    return path.endswith((".py", ".pyi")) and _parse_error(path, text) is None


def _describe_parser_error(error: Exception) -> str:
    lines = str(error).splitlines()
    message = lines[0][:_MAX_PARSER_MESSAGE] if lines else ""
    description = f"{type(error).__name__}: {code(message)}"
    if isinstance(error, SyntaxError) and error.lineno:
        description += f" (line {error.lineno})"
    return description


def _count_conflict_markers(text: str) -> int:
    return len(_CONFLICT_MARKER.findall(text))


def _parse_python(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ast.parse(text)


def _parse_yaml(text: str) -> None:
    if len(text) > _MAX_YAML or _YAML_TEMPLATE.search(text):
        return  # A template for YAML is not YAML itself.
    for _ in yaml.compose_all(text, _YamlLoader):
        pass


_PARSERS: dict[str, Callable[[str], object]] = {
    "py": _parse_python,
    "pyi": _parse_python,
    "json": json.loads,
    "toml": read_toml,
    "yaml": _parse_yaml,
    "yml": _parse_yaml,
}
"""Parsers by file extension."""
