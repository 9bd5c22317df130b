"""A set of templates: read from a folder, rendered strictly, and known by hashes of what was used."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from jinja2 import DictLoader, StrictUndefined, TemplateSyntaxError, meta, nodes
from jinja2 import TemplateError as JinjaError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, ValidationError

from prompts.filters import FILTERS

SUFFIX = ".md.j2"
SHIPPED = Path(__file__).parent / "templates"
_FRONT = re.compile(r"\A---\n(?P<yaml>.*?\n)---\n", re.S)


class TemplateError(ValueError):
    """A template can't be used; the text names it, the line where known, and what is wrong."""

    def __init__(self, name: str, message: str, line: int | None = None):
        super().__init__(f"template {name!r}{f', line {line}' if line else ''}: {message}")
        self.name, self.message, self.line = name, message, line


class FrontMatter(BaseModel):
    """The YAML between two ``---`` lines at a template's head."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    variables: tuple[str, ...] = ()
    """The names it may use; rendering gives it these and no others."""


class TemplateSet:
    """Templates by name: ``propose`` is the file ``propose.md.j2``. Nothing is parsed before it is used."""

    def __init__(self, files: Mapping[str, str]):
        """``files``: file name -> content."""
        self._files = {name.removesuffix(SUFFIX): text.replace("\r\n", "\n") for name, text in files.items()}
        # Prompts are Markdown for a model, not HTML: what is untrusted is fenced by filters instead of escaped.
        self._environment = ImmutableSandboxedEnvironment(
            loader=DictLoader({name + SUFFIX: self._body(name) for name in self._files}),
            undefined=StrictUndefined,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(FILTERS)

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """The templates of a folder; of the shipped one where none is given.

        Raises:
            TemplateError: there are none, or one is not UTF-8.
        """
        folder = path or SHIPPED
        try:
            files = {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.glob(f"*{SUFFIX}"))}
        except (OSError, UnicodeDecodeError) as error:
            raise TemplateError(str(folder), f"can't be read: {error}") from error
        if not files:
            raise TemplateError(str(folder), f"the folder holds no *{SUFFIX} files")
        return cls(files)

    @property
    def names(self) -> list[str]:
        return sorted(self._files)

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
        match = _FRONT.match(self._text(name))
        if not match:
            raise TemplateError(name, "no front matter: begin with a '---' line, description and variables, '---'", 1)
        try:
            return FrontMatter.model_validate(yaml.safe_load(match["yaml"]) or {})
        except yaml.YAMLError as error:
            raise TemplateError(name, f"the front matter is not YAML: {error}", 1) from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise TemplateError(name, f"front matter: {field}: {first['msg']}", 1) from error

    def parse(self, name: str) -> nodes.Template:
        """The template's syntax tree, filters and tests checked; line numbers are the file's."""
        source = self._body(name)
        try:
            tree = self._environment.parse(source, name)
            self._environment.compile(tree, name)
        except TemplateSyntaxError as error:
            raise TemplateError(name, error.message or "a syntax error", error.lineno) from error
        return tree

    def used_by(self, name: str) -> list[str]:
        """``name`` and every template that it includes, in turn."""
        found, open_ = [name], [name]
        while open_:
            for file in meta.find_referenced_templates(self.parse(open_.pop())):
                if file is None:
                    raise TemplateError(name, "a template is included by a computed name: write the name out")
                if (included := file.removesuffix(SUFFIX)) not in found:
                    self._text(included)
                    found.append(included)
                    open_.append(included)
        return sorted(found)

    def render(self, name: str, **variables: Any) -> str:
        """The template's text, stripped, ending in one line feed.

        Variables that it does not declare are not given to it.

        Raises:
            TemplateError: it is missing or wrong, or a declared variable was not given.
        """
        declared = self.front_matter(name).variables
        if missing := [variable for variable in declared if variable not in variables]:
            raise TemplateError(name, f"needs {', '.join(missing)}")
        try:
            template = self._environment.get_template(name + SUFFIX)
            text = template.render({variable: variables[variable] for variable in declared})
        except (JinjaError, TypeError, ValueError, ArithmeticError) as error:
            raise TemplateError(name, f"{type(error).__name__}: {error}", getattr(error, "lineno", None)) from error
        return text.strip() + "\n"

    def _text(self, name: str) -> str:
        try:
            return self._files[name]
        except KeyError:
            raise TemplateError(name, f"there is none; there are {', '.join(self.names)}") from None

    def _body(self, name: str) -> str:
        """Without the front matter: a comment of as many lines keeps the line numbers of errors true."""
        text = self._text(name)
        match = _FRONT.match(text)
        return "{#" + "\n" * match[0].count("\n") + "#}" + text[match.end() :] if match else text


def _digest(texts: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name in sorted(texts):
        for part in (name.encode(), texts[name].encode()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
