"""Whether examples in docstrings are the tests of a repository."""

import re

from repository.files import Kind, kind_of
from repository.testing.detect.automation import AutomationHints
from repository.testing.detect.project import Project

DOCTEST_OPTION = "--doctest-modules"
_IN_COMMAND = re.compile(r"--doctest-(?:modules|glob)|-m doctest\b")
_IN_CONFIGURATION = re.compile(r"--doctest-(?:modules|glob|plus)")
_EXAMPLE = re.compile(r"^[ \t]*>>> ", re.M)
_MAX_READ = 100


def has_doctests(project: Project, hints: AutomationHints) -> bool:
    """Whether pytest's configuration or the automation runs examples, and there are any."""
    return _are_run(project, hints) and _have_examples(project)


def doctest_variables(project: Project, hints: AutomationHints) -> dict[str, str]:
    """Return the variables with which pytest runs examples that only the automation asks for."""
    is_configured = _IN_CONFIGURATION.search(str(project.pytest_config or ""))
    if is_configured or not has_doctests(project, hints):
        return {}
    return {"PYTEST_ADDOPTS": DOCTEST_OPTION}


def _are_run(project: Project, hints: AutomationHints) -> bool:
    if _IN_CONFIGURATION.search(str(project.pytest_config or "")):
        return True
    return any(_IN_COMMAND.search(call.text) for call in hints.calls)


def _have_examples(project: Project) -> bool:
    sources = [path for path in project.tree.paths if kind_of(path) in (Kind.SOURCE, Kind.DOCS)]
    return any(_EXAMPLE.search(project.tree.text(path)) for path in sources[:_MAX_READ])
