"""Cheap checks of what a proposal wrote, before any test is run."""

import ast
import json
import re
import warnings
from collections.abc import Callable, Mapping

import yaml

from repository.edits.model import EditFailed
from repository.toml import read_toml

_CONFLICT = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: .*)?$", re.M)
_MAX_YAML = 100_000
"""Characters: the pure Python scanner takes about a second for a million."""
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _python(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ast.parse(text)


def _yaml(text: str) -> None:
    if len(text) <= _MAX_YAML and not re.search(
        r"\{[{%]", text
    ):  # a template for YAML is none itself
        for _ in yaml.compose_all(text, _Loader):
            pass


_PARSERS: dict[str, Callable[[str], object]] = {
    ".py": _python,
    ".pyi": _python,
    ".json": json.loads,
    ".toml": read_toml,
    ".yaml": _yaml,
    ".yml": _yaml,
}


def parse_error(path: str, text: str) -> str | None:
    """Why ``text`` is not of the language that the path's ending says; None where it is, or where
    nobody knows.
    """
    parser = _PARSERS.get("." + path.rsplit("/", 1)[-1].rpartition(".")[2])
    if parser is None:
        return None
    try:
        parser(text.removeprefix("\ufeff"))
    except (ValueError, SyntaxError, yaml.YAMLError, RecursionError, MemoryError) as error:
        where = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
        return (
            f"{type(error).__name__}:"
            f" {str(error).splitlines()[0][:300] if str(error) else ''}{where}"
        )
    return None


def parses(path: str, text: str) -> bool:
    """Whether the language's parser takes the text; False where there is no parser."""
    return path.endswith((".py", ".pyi")) and parse_error(path, text) is None


def check(before: Mapping[str, str | None], after: Mapping[str, str | None]) -> None:
    """Refuse files that no longer parse, where they did or are new, and conflict markers that were not there.

    Raises:
        EditFailed: the text names each file and the parser's words.
    """
    told = []
    for path, text in after.items():
        old = before.get(path)
        if text is None:
            continue
        error = parse_error(path, text)
        if error and (old is None or parse_error(path, old) is None):
            told.append(f"With the edits, {path[:200]} does not parse any more: {error}")
        if len(_CONFLICT.findall(text)) > len(_CONFLICT.findall(old or "")):
            told.append(f"The edits write a conflict marker into {path[:200]}")
    if told:
        raise EditFailed("\n".join(told))
