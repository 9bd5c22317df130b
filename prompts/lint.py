"""Find problems in a set of templates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from prompts import golden
from prompts.frames import FrameChecker, TooComplex
from prompts.schema import Shape, incompatibilities
from prompts.template_set import FrontMatter, TemplateError, TemplateSet

Variables = Mapping[str, Shape]

#: Templates that the pipeline renders together, and so with the same variables. A template that is
#: not listed is rendered on its own.
RENDERED_TOGETHER = (
    (
        "propose_system",
        "propose",
        "edit_format",
        "known",
        "reproduce_system",
        "reproduce",
    ),
    ("agent_system", "agent"),
    ("judge_system", "judge"),
    ("commit_message", "pull_request", "pull_request_title"),
)


@dataclass(frozen=True)
class Finding:
    template: str
    line: int | None
    message: str

    def __str__(self) -> str:
        place = self.template if self.line is None else f"{self.template}:{self.line}"
        return f"{place}: {self.message}"


def lint(templates: TemplateSet) -> list[Finding]:
    """Check the source of each template; if all are sound, check the rendered golden cases.

    The shipped set defines which templates the pipeline uses and which variables it provides.
    """
    provided = _provided_variables()
    findings = [
        Finding(name, None, "missing: the pipeline uses it")
        for name in provided
        if name not in templates.names
    ]
    for name in templates.names:
        findings += _lint_source(templates, name, provided.get(name))
    if not findings:
        findings = _lint_rendered(templates, provided)
    return list(dict.fromkeys(findings))


@cache
def _provided_variables() -> dict[str, Variables]:
    """Return template name -> the variables that the pipeline provides when rendering it."""
    shipped = TemplateSet.load()
    provided: dict[str, Variables] = {}
    for group in RENDERED_TOGETHER:
        variables: dict[str, Shape] = {}
        for name in group:
            variables.update(shipped.front_matter(name).variables)
        for name in group:
            provided[name] = variables
    for name in shipped.names:
        provided.setdefault(name, shipped.front_matter(name).variables)
    return provided


def _lint_source(templates: TemplateSet, name: str, provided: Variables | None) -> list[Finding]:
    try:
        templates.used_by(name)  # raises if an included template is missing
        front = templates.front_matter(name)
        return [
            *_lint_frames(templates, name, front),
            *_lint_variables(name, front, provided),
        ]
    except TemplateError as error:
        return [Finding(error.name, error.line, error.message)]
    except TooComplex as error:
        return [Finding(name, None, str(error))]
    except RecursionError:
        message = "an expression is too long or nested too deeply to follow: make it simpler"
        return [Finding(name, None, message)]


def _lint_frames(templates: TemplateSet, name: str, front: FrontMatter) -> list[Finding]:
    findings: list[Finding] = []

    def report(template: str, line: int, message: str) -> None:
        findings.append(Finding(template, line, message))

    checker = FrameChecker(templates.parse, front.reader, report)
    checker.check(name, front.variables)
    for variable in sorted(front.variables.keys() - checker.used):
        findings.append(Finding(name, None, f"{variable!r} is declared but not used"))
    return findings


def _lint_variables(name: str, front: FrontMatter, provided: Variables | None) -> Iterator[Finding]:
    """Compare the declared variables with those that the pipeline provides, if any."""
    if provided is None:
        return
    for variable, shape in front.variables.items():
        if variable not in provided:
            yield Finding(name, None, f"{variable!r}: the pipeline provides no such variable")
            continue
        for message in incompatibilities(shape, provided[variable], variable):
            yield Finding(name, None, message)


def _lint_rendered(templates: TemplateSet, provided: Mapping[str, Variables]) -> list[Finding]:
    try:
        texts = golden.render(templates, golden.cases())
    except TemplateError as error:
        return [Finding(error.name, error.line, error.message)]
    findings = []
    rendered = {template for _, template in texts}
    for name in provided.keys() - rendered:
        message = "no golden case has all its variables: add them to prompts/templates/golden"
        findings.append(Finding(name, None, message))
    for (case, name), text in texts.items():
        findings += _over_budget(name, case, text, templates.front_matter(name).tokens)
    return findings


def _over_budget(name: str, case: str, text: str, budgets: Mapping[str, int]) -> Iterator[Finding]:
    for heading, tokens in golden.sections(text).items():
        key = next((key for key in budgets if heading.startswith(key)), None)
        if key is None or tokens <= budgets[key]:
            continue
        place = "in total" if key == golden.TOTAL else f"in the section {key!r}"
        message = f"about {tokens} tokens {place} with the case {case!r}; at most {budgets[key]}"
        yield Finding(name, None, message)
