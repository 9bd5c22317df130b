"""What is wrong with a set of templates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from prompts import golden
from prompts.frames import TooTangled, Value, Walk
from prompts.schema import Shape, beyond
from prompts.template_set import TemplateError, TemplateSet


@dataclass(frozen=True)
class Finding:
    template: str
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.template}{f':{self.line}' if self.line else ''}: {self.message}"


#: Templates that the pipeline renders at one place, so with the same variables.
_TOGETHER = (
    (
        "propose_system",
        "propose",
        "edit_format",
        "known",
        "candidate",
        "reproduce_system",
        "reproduce",
    ),
    ("reproduce_again",),
    ("agent_system", "agent"),
    ("commit_message", "pull_request", "pull_request_title"),
)
Given = Mapping[str, Shape]


def lint(templates: TemplateSet) -> list[Finding]:
    """Findings: by template as it stands, then of what they make of the golden cases.

    The shipped set says which templates the pipeline asks for and what it gives to each.
    """
    given = _given()
    found = [
        Finding(name, None, "missing: the pipeline asks for it")
        for name in given
        if name not in templates.names
    ]
    for name in templates.names:
        try:
            found += _lint_one(templates, name, given.get(name))
        except (TemplateError, TooTangled) as error:
            found.append(_told(error, name))
        except RecursionError:
            found.append(
                Finding(
                    name,
                    None,
                    "an expression is too long or nested too deeply to follow: make it simpler",
                )
            )
    if not found:
        try:
            found += _lint_rendered(templates, given)
        except TemplateError as error:
            found.append(_told(error, error.name))
    return list(dict.fromkeys(found))


@cache
def _given() -> dict[str, Given]:
    """Template -> what the pipeline gives to it."""
    shipped = TemplateSet.load()
    alone = tuple(
        (name,) for name in shipped.names if not any(name in group for group in _TOGETHER)
    )
    given: dict[str, Given] = {}
    for group in (*_TOGETHER, *alone):
        together: dict[str, Shape] = {}
        for name in group:
            together |= shipped.front_matter(name).variables
        given |= dict.fromkeys(group, together)
    return given


def _lint_one(templates: TemplateSet, name: str, given: Given | None) -> Iterator[Finding]:
    templates.used_by(name)  # what it includes is there
    front = templates.front_matter(name)
    found = list[Finding]()
    walk = Walk(
        templates.parse,
        front.reader,
        lambda *finding: found.append(Finding(*finding)),
        templates.globals,
    )
    walk.template(name, {variable: Value(shape) for variable, shape in front.variables.items()})
    yield from found
    for variable in sorted(front.variables.keys() - walk.used):
        yield Finding(name, None, f"{variable!r} is declared but not used")
    for variable, shape in front.variables.items():
        if given is not None and variable not in given:
            yield Finding(name, None, f"{variable!r}: the pipeline gives it no such variable")
        elif given is not None:
            yield from (
                Finding(name, None, message) for message in beyond(shape, given[variable], variable)
            )


def _lint_rendered(templates: TemplateSet, given: Mapping[str, Given]) -> Iterator[Finding]:
    texts = golden.render(templates, golden.cases())
    for name in given.keys() - {template for _, template in texts}:
        yield Finding(
            name, None, "no golden case has all its variables: add them to prompts/templates/golden"
        )
    for (case, name), text in texts.items():
        budget = templates.front_matter(name).tokens
        for heading, tokens in golden.sections(text).items():
            key = next((key for key in budget if heading.startswith(key)), None)
            if key and tokens > budget[key]:
                where = "in all" if key == golden.TOTAL else f"in the section {key!r}"
                yield Finding(
                    name,
                    None,
                    f"about {tokens} tokens {where} with the case {case!r}, {budget[key]} at most",
                )


def _told(error: ValueError, name: str) -> Finding:
    if isinstance(error, TemplateError):
        return Finding(error.name, error.line, error.message)
    return Finding(name, None, str(error))
