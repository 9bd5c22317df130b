"""What is wrong with a set of templates, found without rendering it."""

from dataclasses import dataclass

from jinja2 import meta
from jinja2.defaults import DEFAULT_NAMESPACE

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
    ("propose_system", "propose", "edit_format", "known", "candidate", "reproduce_system", "reproduce"),
    ("reproduce_again",),
    ("agent_system", "agent"),
    ("commit_message", "pull_request", "pull_request_title"),
)


def lint(templates: TemplateSet) -> list[Finding]:
    """Findings by template. The shipped set says which templates the pipeline asks for and what it gives to each."""
    shipped = TemplateSet.load()
    given: dict[str, set[str]] = {}
    for group in _TOGETHER:
        together = {variable for name in group for variable in shipped.front_matter(name).variables}
        given |= dict.fromkeys(group, together)
    found = [Finding(name, None, "missing: the pipeline asks for it") for name in given if name not in templates.names]
    for name in templates.names:
        try:
            found += _lint_one(templates, name, given.get(name))
        except TemplateError as error:
            found.append(Finding(error.name, error.line, error.message))
    return list(dict.fromkeys(found))


def _lint_one(templates: TemplateSet, name: str, given: set[str] | None) -> list[Finding]:
    declared = set(templates.front_matter(name).variables)
    used: set[str] = set()
    for part in templates.used_by(name):
        used |= meta.find_undeclared_variables(templates.parse(part))
    used -= DEFAULT_NAMESPACE.keys()
    unknown = declared - given if given is not None else set()
    return [
        *(Finding(name, None, f"{variable!r} is used but not declared") for variable in sorted(used - declared)),
        *(Finding(name, None, f"{variable!r} is declared but not used") for variable in sorted(declared - used)),
        *(Finding(name, None, f"{variable!r}: the pipeline gives it no such variable") for variable in sorted(unknown)),
    ]
