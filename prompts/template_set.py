"""A set of templates: read from a folder, rendered strictly, and identified by hashes."""

import functools
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from jinja2 import TemplateSyntaxError, meta, nodes
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from prompts import bounded, rendering
from prompts.rendering import RenderError
from prompts.schema import Shape, parse_fields, project

SUFFIX = ".md.j2"
SHIPPED = Path(__file__).parent / "templates"
MAX_CHARS = 1_000_000
"""Maximum length of a whole set."""
_FRONT_MATTER = re.compile(r"\A---\n(?P<yaml>.*?\n)---\n", re.S)


class TemplateError(ValueError):
    """A template can't be used; the message names it, the line if known, and the problem."""

    def __init__(self, name: str, message: str, line: int | None = None):
        place = f"template {name!r}"
        if line is not None:
            place += f", line {line}"
        super().__init__(f"{place}: {message}")
        self.name = name
        self.message = message
        self.line = line


class FrontMatter(BaseModel):
    """The YAML between two ``---`` lines at the start of a template."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    name: str
    """The file's name without its suffix."""
    version: int = Field(ge=1)
    """Increased with each change of the text; ``prompts diff`` warns if it was not."""
    description: str
    reader: Literal["model", "github"]
    """The reader of the text; determines which filters frame untrusted text (see ``frames``)."""
    output: Literal["edits", "tool calls", "text", "markdown", "line"]
    """The kind of answer that the model is asked for; for GitHub, the kind of text."""
    hints: dict[Literal["max_tokens"], int] = {}
    """Recommended settings: ``max_tokens`` is the length of a reply, in tokens."""
    tokens: dict[str, int]
    """Token budgets: the key is the beginning of a level-one heading and the budget is for its
    section, or ``total`` for the whole text."""
    variables: dict[str, Shape] = {}
    """The variables it may use; it is rendered with these and no others."""

    @field_validator("tokens")
    @classmethod
    def _require_total(cls, value: dict[str, int]) -> dict[str, int]:
        if "total" not in value:
            raise ValueError("give at least a total: {total: 2000}")
        return value

    @field_validator("variables", mode="before")
    @classmethod
    def _parse_variables(cls, value: Any) -> dict[str, Shape]:
        if not isinstance(value, dict):
            raise ValueError("write a type after each variable: {title: untrusted str}")
        return parse_fields(value)


class TemplateSet:
    """Templates by name: ``propose`` is the file ``propose.md.j2``. Each is parsed on first use."""

    def __init__(self, files: Mapping[str, str], *, bounded: bool = False):
        """``files``: file name -> content. ``bounded``: render in a separate process.

        Raises:
            TemplateError: they are longer than ``MAX_CHARS`` together.
        """
        self._texts: dict[str, str] = {}
        for file_name, text in files.items():
            self._texts[file_name.removesuffix(SUFFIX)] = text.replace("\r\n", "\n")
        if sum(len(text) for text in self._texts.values()) > MAX_CHARS:
            raise TemplateError("(the set)", f"more than {MAX_CHARS} characters")
        self._bounded = bounded
        self._trees: dict[str, nodes.Template] = {}
        self._bodies = {name + SUFFIX: self._body(name) for name in self._texts}
        self._environment = rendering.create_environment(self._bodies)

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Load the templates of a folder, by default the shipped one.

        Raises:
            TemplateError: there are none, or one can't be read as UTF-8.
        """
        folder = path or SHIPPED
        try:
            files = {file.name: file.read_text(encoding="utf-8") for file in template_files(folder)}
        except (OSError, UnicodeDecodeError) as error:
            raise TemplateError(str(folder), f"can't be read: {error}") from error
        if not files:
            raise TemplateError(str(folder), f"the folder contains no *{SUFFIX} files")
        return cls(files, bounded=path is not None)

    @property
    def names(self) -> list[str]:
        return sorted(self._texts)

    @property
    def files(self) -> dict[str, str]:
        """File name -> content, as the constructor accepts them."""
        return {name + SUFFIX: text for name, text in self._texts.items()}

    @property
    def set_hash(self) -> str:
        """The SHA-256 of every file of the set, including the names."""
        return _digest(self._texts)

    def hash(self, name: str) -> str:
        """Return the SHA-256 of the template and all that it includes."""
        return _digest({used: self._texts[used] for used in self.used_by(name)})

    def front_matter(self, name: str) -> FrontMatter:
        """Return a template's front matter; raise TemplateError if it is missing or wrong."""
        return _parse_front_matter(name, self._text(name))

    def parse(self, name: str) -> nodes.Template:
        """Return the syntax tree with filters and tests checked; line numbers are the file's.

        It is not compiled: Jinja would then compute constants such as 9**9**9 without bounds.

        Raises:
            TemplateError: the syntax is wrong, or a filter or test does not exist.
        """
        if name not in self._trees:
            self._trees[name] = self._parse(name)
        return self._trees[name]

    def _parse(self, name: str) -> nodes.Template:
        try:
            tree = self._environment.parse(self._body(name), name)
            self._check_filters_and_tests(name, tree)
        except TemplateSyntaxError as error:
            raise TemplateError(name, error.message or "a syntax error", error.lineno) from error
        except RecursionError as error:
            raise TemplateError(name, "nested too deeply") from error
        return tree

    def _check_filters_and_tests(self, name: str, tree: nodes.Template) -> None:
        for node in tree.find_all(nodes.Filter):
            if node.name not in self._environment.filters:
                raise TemplateError(name, f"No filter named {node.name!r}.", node.lineno)
        for test in tree.find_all(nodes.Test):
            if test.name not in self._environment.tests:
                raise TemplateError(name, f"No test named {test.name!r}.", test.lineno)

    def used_by(self, name: str) -> list[str]:
        """Return ``name`` and every template that it includes, directly or indirectly."""
        used = [name]
        pending = [name]
        while pending:
            for included in self._included_by(pending.pop()):
                if included not in used:
                    self._text(included)
                    used.append(included)
                    pending.append(included)
        return sorted(used)

    def _included_by(self, name: str) -> list[str]:
        included = []
        for file in meta.find_referenced_templates(self.parse(name)):
            if file is None:
                message = "a template is included by a computed name: write the name out"
                raise TemplateError(name, message)
            included.append(file.removesuffix(SUFFIX))
        return included

    def render(self, name: str, **variables: Any) -> str:
        """Render a template; the text is stripped and ends in one line feed.

        Variables and fields that it does not declare are not passed to it.

        Raises:
            TemplateError: it is missing or wrong, a declared variable is missing or of another
                type, or the text is out of bounds.
        """
        return self.render_all([(name, variables)])[0]

    def render_all(self, jobs: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
        """Render each (name, variables) like ``render``; a bounded set uses one process for all."""
        projected = [(name + SUFFIX, self._project(name, variables)) for name, variables in jobs]
        try:
            if self._bounded:
                return bounded.render(self._bodies, projected)
            return [
                rendering.render(self._environment, file_name, variables)
                for file_name, variables in projected
            ]
        except RenderError as error:
            name = error.name.removesuffix(SUFFIX)
            raise TemplateError(name, error.message, error.line) from error

    def missing_variables(self, name: str, variables: Collection[str]) -> list[str]:
        """Return the required variables of a template that are not among ``variables``."""
        declared = self.front_matter(name).variables
        return [
            variable
            for variable, shape in declared.items()
            if variable not in variables and not shape.optional
        ]

    def _project(self, name: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the declared part of ``variables``."""
        missing = self.missing_variables(name, variables)
        if missing:
            raise TemplateError(name, f"needs {', '.join(missing)}")
        projected = {}
        try:
            for variable, shape in self.front_matter(name).variables.items():
                projected[variable] = project(shape, variables.get(variable), variable)
        except ValueError as error:
            raise TemplateError(name, str(error)) from error
        return projected

    def _text(self, name: str) -> str:
        if name not in self._texts:
            raise TemplateError(name, f"no such template; there are {', '.join(self.names)}")
        return self._texts[name]

    def _body(self, name: str) -> str:
        """Return the template with its front matter replaced by a comment of as many lines.

        This way the line numbers in errors are the file's.
        """
        text = self._text(name)
        match = _FRONT_MATTER.match(text)
        if match is None:
            return text
        line_feeds = "\n" * match[0].count("\n")
        return "{#" + line_feeds + "#}" + text[match.end() :]


def template_files(folder: Path) -> list[Path]:
    """List the templates of a folder in order, without the dot files that editors leave there."""
    return sorted(file for file in folder.glob(f"*{SUFFIX}") if not file.name.startswith("."))


@functools.lru_cache(maxsize=128)  # most sets have most templates in common
def _parse_front_matter(name: str, text: str) -> FrontMatter:
    match = _FRONT_MATTER.match(text)
    if match is None:
        message = "no front matter: begin with a '---' line, description and variables, '---'"
        raise TemplateError(name, message, 1)
    try:
        _refuse_anchors(name, match["yaml"])
        front = FrontMatter.model_validate(yaml.safe_load(match["yaml"]) or {})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise TemplateError(name, f"front matter: {field}: {first['msg']}", 1) from error
    except TemplateError:
        raise
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        # PyYAML raises a bare ValueError for a date that does not exist.
        raise TemplateError(name, f"the front matter is not YAML: {error}", 1) from error
    if front.name != name:
        raise TemplateError(name, f"front matter: name: {front.name!r} is not the file's", 1)
    return front


def _refuse_anchors(name: str, text: str) -> None:
    for token in yaml.scan(text):
        if isinstance(token, yaml.AnchorToken):
            message = "front matter: anchors are not allowed: a few of them can expand without end"
            raise TemplateError(name, message, 1)


def _digest(texts: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name in sorted(texts):
        for part in (name.encode(), texts[name].encode()):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()
