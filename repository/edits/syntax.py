"""Check that the files of a change parse, in the languages for which there is a parser.

Only a text that is certainly wrong is refused: not one whose file may be a template, may have
comments, or may be for another version of Python.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import yaml

from prompts.filters import code
from repository.edits.editable_files import EditableFiles
from repository.edits.encoding import decode
from repository.edits.model import EditFailed
from repository.files import name_of
from repository.protected_paths import matches_name
from repository.python_source import UnknownSyntax
from repository.toml import read_toml

_MAX_YAML = 100_000
"""Characters; the pure Python scanner takes about a second for a million."""
_MAX_PARSER_MESSAGE = 300
_MAX_NEIGHBOURS = 10
_MAX_NEIGHBOUR_BYTES = 100_000
_YamlLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_OUTPUT_TAG = re.compile(r"\{\{(?:(?!\{\{).){0,1000}?\}\}", re.S)
"""A tag of Jinja, Handlebars or Go's templates that writes a value. It ends at the next beginning
of one, so that the time is linear.
"""
_TEMPLATE = re.compile(r"\{[{%]|<%")
_WITH_COMMENTS = (
    "*.jsonc",
    "*.code-workspace",
    "*.code-snippets",
    "tsconfig*.json",
    "jsconfig*.json",
    ".vscode/*.json",
    "devcontainer.json",
    ".devcontainer.json",
    ".eslintrc.json",
    ".babelrc.json",
    "babel.config.json",
    ".swcrc.json",
    ".jshintrc.json",
    ".stylelintrc.json",
    ".markdownlint.json",
    ".mocharc.json",
    ".oxlintrc.json",
    ".hintrc.json",
    "api-extractor*.json",
    "language-configuration.json",
    "*.language-configuration.json",
    "tslint.json",
    "typedoc.json",
    "deno.json",
    "biome.json",
    "wrangler.json",
    "turbo.json",
    "nx.json",
    "rush.json",
    "angular.json",
    "cspell*.json",
    ".cspell.json",
    "global.json",
    "appsettings*.json",
    "launchsettings.json",
    "_locales/*/messages.json",
)
"""Names of files whose tools accept comments and trailing commas in JSON."""
_STRING = r'("(?:[^"\\\n]|\\.)*+"?)'
"""A string, or the rest of the line if it is not closed: from each quote, the time is linear."""
_COMMENT = re.compile(rf"{_STRING}|//[^\n]*|/\*.*?(?:\*/|\Z)", re.S)
_TRAILING_COMMA = re.compile(rf"{_STRING}|,(?=\s*[}}\]])")
_ERRORS = (ValueError, SyntaxError, yaml.YAMLError, RecursionError, MemoryError)


class PythonParser(Protocol):
    """Parses the Python files of a repository."""

    def parse(self, path: str, text: str) -> object:
        """Parse a file.

        Raises:
            SyntaxError, ValueError, RecursionError, MemoryError: it can't be parsed.
            UnknownSyntax: the file may be right, but no Python here can tell.
        """


class SyntaxChecker:
    """Checks the files of changes to one tree. All methods block."""

    def __init__(self, files: Callable[[], EditableFiles], python: PythonParser):
        """``files`` returns the files of the unchanged tree."""
        self._files = files
        self._python = python

    def check(
        self, before: Mapping[str, str | None], after: Mapping[str, str | None]
    ) -> tuple[str, ...]:
        """Refuse new files that do not parse, and files that no longer do.

        Returns:
            Sentences about texts that nothing here can parse, for the reviewer.

        Raises:
            EditFailed: the message names each file and quotes the parser.
        """
        problems: list[str] = []
        notices: list[str] = []
        for path, text in after.items():
            if text is None:
                continue
            try:
                error = self._error(path, text, before.get(path))
            except UnknownSyntax as unknown:
                notices.append(f"{code(path[:200])} was not parsed: {unknown}")
                continue
            if error:
                problems.append(f"With the edits, {code(path[:200])} no longer parses: {error}")
        if problems:
            raise EditFailed("\n".join(problems))
        return tuple(notices)

    def _error(self, path: str, text: str, old: str | None) -> str | None:
        """Return why a text can't replace an old one; None if it can.

        Raises:
            UnknownSyntax: nothing here can tell.
        """
        error = self._parse_error(path, text)
        if error is None:
            return None
        if old is not None:
            return error if self._parse_error(path, old) is None else None
        return None if self._has_strange_neighbours(path) else error

    def _parse_error(self, path: str, text: str) -> str | None:
        """Return the error in a text that does not parse as the language of its path."""
        if _TEMPLATE.search(path):
            return None
        try:
            self._parse(path, text.removeprefix("\ufeff"))
        except _ERRORS as error:
            return _describe(error)
        return None

    def _parse(self, path: str, text: str) -> None:
        match name_of(path).rpartition(".")[2].lower():
            case "py" | "pyi":
                self._python.parse(path, text)
            case "json" | "jsonc":
                if matches_name(path, _WITH_COMMENTS):
                    text = _without_comments(text)
                _parse_or_template(json.loads, text)
            case "toml":
                _parse_or_template(read_toml, text)
            case "yaml" | "yml":
                _parse_yaml(text)

    def _has_strange_neighbours(self, path: str) -> bool:
        """Return whether half of the files beside a new one do not parse either.

        They may all be templates, input for tests, or in a dialect.
        """
        number = 0
        strange = 0
        for neighbour, text in self._neighbours(path):
            number += 1
            try:
                strange += self._parse_error(neighbour, text) is not None
            except UnknownSyntax:
                strange += 1
        return 0 < number <= 2 * strange

    def _neighbours(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield path and text of some files with the same extension in the same folder."""
        files = self._files()
        folder, _, name = path.rpartition("/")
        extension = f".{name.rpartition('.')[2]}"
        beside = [other for other in files.paths if other.rpartition("/")[0] == folder]
        similar = [other for other in sorted(beside) if other.endswith(extension)]
        for other in similar[:_MAX_NEIGHBOURS]:
            try:
                data = files.read(other) or b""
                if len(data) <= _MAX_NEIGHBOUR_BYTES:
                    yield other, decode(data).text
            except EditFailed:
                continue


def _describe(error: Exception) -> str:
    lines = str(error).splitlines()
    message = lines[0][:_MAX_PARSER_MESSAGE] if lines else ""
    description = f"{type(error).__name__}: {code(message)}"
    if isinstance(error, SyntaxError) and error.lineno:
        description += f" (line {error.lineno})"
    return description


def _without_comments(text: str) -> str:
    """Return JSON without the comments and trailing commas that some tools accept."""
    return _TRAILING_COMMA.sub(r"\1", _COMMENT.sub(r"\1 ", text))


def _parse_or_template(parse: Callable[[str], object], text: str) -> None:
    """Parse a text, or the text with a number in place of each tag of a template."""
    try:
        parse(text)
    except ValueError:
        if not _TEMPLATE.search(text):
            raise
        if "{%" not in text and "<%" not in text:
            parse(_OUTPUT_TAG.sub("0", text))


def _parse_yaml(text: str) -> None:
    if len(text) > _MAX_YAML or _TEMPLATE.search(text):
        return  # A template for YAML is not YAML itself.
    for _ in yaml.compose_all(text, _YamlLoader):
        pass
