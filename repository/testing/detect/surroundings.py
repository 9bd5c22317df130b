"""Find what surrounds a Python project's tests: variables, Django's settings, what is missing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from repository.testing.detect.automation import AutomationHints
from repository.testing.detect.django import (
    SETTINGS_VARIABLE,
    database_variables,
    find_settings,
    is_django,
    missing_server,
)
from repository.testing.detect.doctests import doctest_variables
from repository.testing.detect.project import Project
from repository.testing.detect.python_tests import TestFiles
from repository.testing.detect.tox import ToxEnvironment
from repository.testing.detect.variables import find_variables

_SUBMODULE = re.compile(r"^[ \t]*path[ \t]*=[ \t]*(\S.{0,200})$", re.M)
_MAX_SUBMODULES = 5


@dataclass(frozen=True)
class Surroundings:
    variables: Mapping[str, str]
    """For the tests."""
    settings: str
    """The module of Django's settings; empty if it is no Django project."""
    obstacles: tuple[str, ...]
    """What the tests may need and can't have here, in sentences."""


def find_surroundings(
    project: Project,
    hints: AutomationHints,
    tox: ToxEnvironment,
    tests: TestFiles,
    shared: Mapping[str, str],
) -> Surroundings:
    """Read the surroundings; ``shared`` is path -> text of the files that tests share."""
    tree = project.tree
    obstacles = [_missing_submodules(tree.text(".gitmodules"))]
    variables = find_variables(tree, tox, hints, examples=is_django(tree))
    settings = ""
    if is_django(tree):
        settings = find_settings(tree, hints, variables)
        variables = {**database_variables(tree, settings), **variables}
        obstacles.append(missing_server(tree, settings))
        if settings and not _names_settings(project, {**tests.texts, **shared}):
            variables.setdefault(SETTINGS_VARIABLE, settings)
    if not tests.paths:
        variables = {**variables, **doctest_variables(project, hints)}
    return Surroundings(variables, settings, tuple(filter(None, obstacles)))


def _names_settings(project: Project, test_code: Mapping[str, str]) -> bool:
    """Whether pytest's configuration or the tests themselves name Django's settings."""
    texts = [str(project.pytest_config or ""), *test_code.values()]
    return any(SETTINGS_VARIABLE in text or "settings.configure(" in text for text in texts)


def _missing_submodules(gitmodules: str) -> str:
    paths = [path.strip() for path in _SUBMODULE.findall(gitmodules)]
    if not paths:
        return ""
    return f"git submodules are not fetched: {', '.join(paths[:_MAX_SUBMODULES])}"
