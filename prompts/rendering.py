"""Render templates strictly, in Jinja's sandbox, and within bounds."""

from collections.abc import Mapping
from typing import Any

from jinja2 import DictLoader, StrictUndefined, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from prompts.filters import FILTERS

MAX_CHARS = 2_000_000
"""Maximum length of a rendered text: more fits neither a model nor GitHub."""


class RenderError(ValueError):
    """A template failed. ``name`` is the template and ``line`` its line, if known."""

    def __init__(self, message: str, name: str, line: int | None = None):
        super().__init__(message)
        self.message = message
        self.name = name
        self.line = line


class Environment(ImmutableSandboxedEnvironment):
    def getattr(self, obj: Any, attribute: str) -> Any:
        """Prefer a field to a method: the data passed to templates may have a field ``items``."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


def create_environment(bodies: Mapping[str, str]) -> Environment:
    """Create an environment for templates: file name, as in includes -> text."""
    # Prompts are Markdown for a model, not HTML: filters frame untrusted text; nothing is escaped.
    environment = Environment(
        loader=DictLoader(bodies),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    del environment.globals["lipsum"]
    return environment


def render(environment: Environment, name: str, variables: Mapping[str, Any]) -> str:
    """Render a template; the text is stripped and ends in one line feed.

    Raises:
        RenderError: the template failed in any way, or the text is longer than ``MAX_CHARS``.
    """
    parts: list[str] = []
    size = 0
    try:
        for part in environment.get_template(name).generate(**variables):
            parts.append(part)
            size += len(part)
            if size > MAX_CHARS:
                raise ValueError(f"the text is longer than {MAX_CHARS} characters")
    except TemplateSyntaxError as error:
        message = f"{type(error).__name__}: {error.message}"
        raise RenderError(message, error.name or name, error.lineno) from error
    except Exception as error:
        message = f"{type(error).__name__}: {error}".rstrip(": ")
        template, line = _locate(error, name)
        raise RenderError(message, template, line) from error
    return "".join(parts).strip() + "\n"


def _locate(error: BaseException, name: str) -> tuple[str, int | None]:
    """Return the template and its line: Jinja rewrites tracebacks to the template's own lines."""
    traceback = error.__traceback__
    line = None
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_filename == "<template>":
            name = frame.f_globals.get("name") or name
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return name, line
