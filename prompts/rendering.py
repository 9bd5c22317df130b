"""How templates become text: strictly, in Jinja's sandbox, and within bounds."""

from collections.abc import Mapping
from typing import Any

from jinja2 import DictLoader, StrictUndefined, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from prompts.filters import FILTERS

MAX_CHARS = 2_000_000
"""Of a rendered text: more fits no model, and nothing on GitHub."""


class RenderError(ValueError):
    """``name`` is the template that it happened in, ``line`` its line in there, where known."""

    def __init__(self, message: str, name: str, line: int | None = None):
        super().__init__(message)
        self.message = message
        self.name = name
        self.line = line


class Sandbox(ImmutableSandboxedEnvironment):
    def getattr(self, obj: Any, attribute: str) -> Any:
        """A field before a method: what templates get is plain data, and may have a field called
        ``items``.
        """
        return (
            obj[attribute]
            if isinstance(obj, dict) and attribute in obj
            else super().getattr(obj, attribute)
        )


def environment(bodies: Mapping[str, str]) -> Sandbox:
    """``bodies``: the name that includes use -> the template's text."""
    # Prompts are Markdown for a model, not HTML: what is untrusted is fenced by filters instead of
    # escaped.
    made = Sandbox(
        loader=DictLoader(bodies),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    del made.globals["lipsum"]
    return made


def render(sandbox: Sandbox, name: str, variables: Mapping[str, Any]) -> str:
    """The text, stripped, ending in one line feed.

    Raises:
        RenderError: for whatever a template may do wrong, a text longer than ``MAX_CHARS`` included.
    """
    parts = list[str]()
    size = 0
    try:
        for part in sandbox.get_template(name).generate(**variables):
            parts.append(part)
            size += len(part)
            if size > MAX_CHARS:
                raise ValueError(f"the text is longer than {MAX_CHARS} characters")
    except TemplateSyntaxError as error:
        raise RenderError(
            f"{type(error).__name__}: {error.message}", error.name or name, error.lineno
        ) from error
    except Exception as error:
        raise RenderError(
            f"{type(error).__name__}: {error}".rstrip(": "), *_place(error, name)
        ) from error
    return "".join(parts).strip() + "\n"


def _place(error: BaseException, name: str) -> tuple[str, int | None]:
    """Jinja rewrites tracebacks, so that the frames of a template have its own lines."""
    at = error.__traceback__
    line = None
    while at is not None:
        if at.tb_frame.f_code.co_filename == "<template>":
            name = at.tb_frame.f_globals.get("name") or name
            line = at.tb_lineno
        at = at.tb_next
    return name, line
