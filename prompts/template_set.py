"""A set of templates: read from a folder, rendered strictly, and known by hashes of what was used."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from jinja2 import TemplateSyntaxError, meta, nodes
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from prompts import bounded
from prompts import rendering as environment
from prompts.schema import Shape, parse_fields, pick

SUFFIX = ".md.j2"
SHIPPED = Path(__file__).parent / "templates"
MAX_BYTES = 1_000_000
"""Of a set: one that is larger is no set of prompts."""
_FRONT = re.compile(r"\A---\n(?P<yaml>.*?\n)---\n", re.S)


class TemplateError(ValueError):
    """A template can't be used; the text names it, the line where known, and what is wrong."""

    def __init__(self, name: str, message: str, line: int | None = None):
        super().__init__(f"template {name!r}{f', line {line}' if line else ''}: {message}")
        self.name = name
        self.message = message
        self.line = line


class FrontMatter(BaseModel):
    """The YAML between two ``---`` lines at a template's head."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    name: str
    """As the file's."""
    version: int = Field(ge=1)
    """Raised by who changes what the template says; diffs tell where it was not."""
    description: str
    reader: Literal["model", "github"]
    """Who reads the text: it decides which filters keep a stranger's text apart (see ``lint``)."""
    output: Literal["edits", "tool calls", "text", "markdown", "line"]
    """What the model is asked to answer with; for GitHub, what the text is."""
    hints: dict[Literal["max_tokens"], int] = {}
    """What suits the prompt best: how long a reply may be, in tokens."""
    tokens: dict[str, int]
    """At most so many tokens in the section under a heading of level one that begins with the key; ``total`` in all."""

    @field_validator("tokens")
    @classmethod
    def _total(cls, value: dict[str, int]) -> dict[str, int]:
        if "total" not in value:
            raise ValueError("give at least a total: {total: 2000}")
        return value

    variables: dict[str, Shape] = {}
    """What it may use; rendering gives it these and no others."""

    @field_validator("variables", mode="before")
    @classmethod
    def _shapes(cls, value: Any) -> dict[str, Shape]:
        if not isinstance(value, dict):
            raise ValueError("write a type behind each variable: {title: untrusted str}")
        return parse_fields(value)


class TemplateSet:
    """Templates by name: ``propose`` is the file ``propose.md.j2``. Nothing is parsed before it is
    used.
    """

    def __init__(self, files: Mapping[str, str], *, bounded: bool = False):
        """``files``: file name -> content. ``bounded``: rendered apart, see prompts.bounded.

        Raises:
            TemplateError: they are too much.
        """
        self._files = {
            name.removesuffix(SUFFIX): text.replace("\r\n", "\n") for name, text in files.items()
        }
        if sum(map(len, self._files.values())) > MAX_BYTES:
            raise TemplateError("(the set)", f"more than {MAX_BYTES} characters")
        self._bounded = bounded
        self._fronts = dict[str, FrontMatter]()
        self._bodies = {name + SUFFIX: self._body(name) for name in self._files}
        self._environment = environment.environment(self._bodies)

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """The templates of a folder; of the shipped one where none is given.

        Raises:
            TemplateError: there are none, or one is not UTF-8.
        """
        folder = path or SHIPPED
        try:
            files = {file.name: file.read_text(encoding="utf-8") for file in template_files(folder)}
        except (OSError, UnicodeDecodeError) as error:
            raise TemplateError(str(folder), f"can't be read: {error}") from error
        if not files:
            raise TemplateError(str(folder), f"the folder holds no *{SUFFIX} files")
        return cls(files, bounded=path is not None)

    @property
    def names(self) -> list[str]:
        return sorted(self._files)

    @property
    def globals(self) -> frozenset[str]:
        """Names that every template may use."""
        return frozenset(self._environment.globals)

    @property
    def files(self) -> dict[str, str]:
        """File name -> content: what another ``TemplateSet`` is made of."""
        return {name + SUFFIX: text for name, text in self._files.items()}

    @property
    def set_hash(self) -> str:
        """sha256 over every file of the set, names included."""
        return _digest({name: self._files[name] for name in self._files})

    def hash(self, name: str) -> str:
        """sha256 over the template and all that it includes."""
        return _digest({used: self._files[used] for used in self.used_by(name)})

    def front_matter(self, name: str) -> FrontMatter:
        if name not in self._fronts:
            self._fronts[name] = self._read_front(name)
        return self._fronts[name]

    def _read_front(self, name: str) -> FrontMatter:
        match = _FRONT.match(self._text(name))
        if not match:
            raise TemplateError(
                name,
                "no front matter: begin with a '---' line, description and variables, '---'",
                1,
            )
        try:
            if any(isinstance(token, yaml.AnchorToken) for token in yaml.scan(match["yaml"])):
                raise TemplateError(
                    name,
                    "front matter: no anchors, please: a few lines of them can unfold without end",
                    1,
                )
            front = FrontMatter.model_validate(yaml.safe_load(match["yaml"]) or {})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise TemplateError(name, f"front matter: {field}: {first['msg']}", 1) from error
        except (
            yaml.YAMLError,
            RecursionError,
            ValueError,
        ) as error:  # a date that is none is a bare ValueError
            raise TemplateError(name, f"the front matter is not YAML: {error}", 1) from error
        if front.name != name:
            raise TemplateError(name, f"front matter: name: {front.name!r} is not the file's", 1)
        return front

    def parse(self, name: str) -> nodes.Template:
        """The template's syntax tree, filters and tests checked; line numbers are the file's.

        It is not compiled: Jinja computes constants then, such as 9**9**9, outside of any bound.
        """
        try:
            tree = self._environment.parse(self._body(name), name)
            for node in tree.find_all((nodes.Filter, nodes.Test)):
                known = (
                    self._environment.filters
                    if isinstance(node, nodes.Filter)
                    else self._environment.tests
                )
                if node.name not in known:
                    raise TemplateError(
                        name, f"No {type(node).__name__.lower()} named {node.name!r}.", node.lineno
                    )
        except TemplateSyntaxError as error:
            raise TemplateError(name, error.message or "a syntax error", error.lineno) from error
        except RecursionError as error:
            raise TemplateError(name, "it is nested too deeply") from error
        return tree

    def used_by(self, name: str) -> list[str]:
        """``name`` and every template that it includes, in turn."""
        found = [name]
        open_ = [name]
        while open_:
            for file in meta.find_referenced_templates(self.parse(open_.pop())):
                if file is None:
                    raise TemplateError(
                        name, "a template is included by a computed name: write the name out"
                    )
                if (included := file.removesuffix(SUFFIX)) not in found:
                    self._text(included)
                    found.append(included)
                    open_.append(included)
        return sorted(found)

    def render(self, name: str, **variables: Any) -> str:
        """The template's text, stripped, ending in one line feed.

        Variables and fields that it does not declare are not given to it.

        Raises:
            TemplateError: it is missing or wrong, a declared variable was not given or is of another type, or the text
                is out of bounds.
        """
        return self.render_all([(name, variables)])[0]

    def render_all(self, jobs: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
        """Texts of (name, variables), as ``render`` makes each; quicker where rendering is bounded."""
        picked = [(name + SUFFIX, self._picked(name, variables)) for name, variables in jobs]
        try:
            if self._bounded:
                return bounded.render(self._bodies, picked)
            return [environment.render(self._environment, *job) for job in picked]
        except environment.RenderError as error:
            raise TemplateError(
                error.name.removesuffix(SUFFIX), error.message, error.line
            ) from error

    def _picked(self, name: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        declared = self.front_matter(name).variables
        absent = [
            variable
            for variable, shape in declared.items()
            if variable not in variables and not shape.optional
        ]
        if absent:
            raise TemplateError(name, f"needs {', '.join(absent)}")
        try:
            return {
                variable: pick(shape, variables.get(variable), variable)
                for variable, shape in declared.items()
            }
        except ValueError as error:
            raise TemplateError(name, str(error)) from error

    def _text(self, name: str) -> str:
        try:
            return self._files[name]
        except KeyError:
            raise TemplateError(name, f"there is none; there are {', '.join(self.names)}") from None

    def _body(self, name: str) -> str:
        """Without the front matter: a comment of as many lines keeps the line numbers of errors
        true.
        """
        text = self._text(name)
        match = _FRONT.match(text)
        return "{#" + "\n" * match[0].count("\n") + "#}" + text[match.end() :] if match else text


def template_files(folder: Path) -> list[Path]:
    """In order; what editors and file systems leave beside them begins with a dot."""
    return sorted(file for file in folder.glob(f"*{SUFFIX}") if not file.name.startswith("."))


def _digest(texts: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name in sorted(texts):
        for part in (name.encode(), texts[name].encode()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
