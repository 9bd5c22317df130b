"""Collect the requirements of a Python repository's tests from all its files.

Files are read, never run. There is one function per source, which returns the needs with the place
where each was found.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from repository.testing.detect.automation import AutomationHints, AutomationLine
from repository.testing.detect.conda import from_conda, from_pixi
from repository.testing.detect.pip_commands import FILE_OPTION
from repository.testing.detect.pipfile import from_pipfile
from repository.testing.detect.project import Project
from repository.testing.detect.pyproject_needs import from_pyproject, names_of_local_packages
from repository.testing.detect.requirement_files import (
    NOT_FOR_TESTS,
    from_requirement_files,
    is_project_file,
)
from repository.testing.detect.requirements import (
    Confidence,
    Need,
    Source,
    installable,
    needs_from,
    package_name,
)
from repository.testing.detect.setup_needs import from_setup
from repository.testing.detect.test_code import find_modules, find_plugins
from repository.testing.detect.tox import ToxEnvironment

_MAX_REQUIREMENTS = 120
_MAX_NEEDS = 5000
_MAX_COMMANDED = 25
"""Commands that install more than this install tools, too."""
_FOLDER_WITH_EXTRAS = re.compile(r"^(?:-e\s*|--editable[\s=]*)?[\"']?\.\[([\w,. -]+)\]")
_TOOLS = frozenset(
    [
        "black",
        "build",
        "check-manifest",
        "codecov",
        "coveralls",
        "flake8",
        "isort",
        "mypy",
        "nox",
        "pip",
        "pip-tools",
        "pipenv",
        "pipx",
        "poetry",
        "pre-commit",
        "pylint",
        "ruff",
        "setuptools",
        "tox",
        "tox-uv",
        "twine",
        "uv",
        "virtualenv",
        "wheel",
    ]
)
"""Tools that commands install and tests seldom need."""


@dataclass(frozen=True)
class TestNeeds:
    """The requirements to install for the tests."""

    __test__ = False

    requirements: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    """Extras of the repository's own package, in addition to those for tests."""
    dependencies: tuple[str, ...] = ()
    """What the code needs to run; to install if the repository's own package can't be."""
    modules: Mapping[str, str] = field(default_factory=dict)
    """Imported module -> requirement that provides it, if it is missing."""


def find_needs(
    project: Project,
    hints: AutomationHints,
    tox: ToxEnvironment,
    tests: Mapping[str, str],
) -> list[Need]:
    """Return the needs from all sources; of several for one package, the first counts.

    Args:
        project: The packaging files.
        hints: The installs in automation.
        tox: The environment in which tox runs the tests.
        tests: path -> text of the test files and of the files that they share.
    """
    pip_arguments = [*tox.dependencies, *hints.pip_arguments]
    needs = [
        *_from_automation(hints),
        *from_conda(project.tree),
        *from_requirement_files(project.tree, pip_arguments),
        *from_pipfile(project.tree),
        *from_pyproject(project),
        *from_setup(project),
        *_from_tox(tox),
        *_from_test_code(project, tests),
        *from_pixi(project.tree, project.pyproject),
    ]
    return needs[:_MAX_NEEDS]


def select_needs(
    needs: Sequence[Need],
    project: Project,
    hints: AutomationHints,
    tox: ToxEnvironment,
    code: Mapping[str, str],
) -> TestNeeds:
    """Select what to install: declared needs, and mentioned needs that the code imports.

    The repository's own packages are never installed from an index; a need for the project's own
    with extras adds these extras.

    Args:
        needs: The needs from all sources.
        project: The packaging files.
        hints: The installs in automation.
        tox: The environment in which tox runs the tests.
        code: path -> text of the test files and of what they need, whose imports count.
    """
    own_name = canonicalize_name(project.package.name)
    valid = [need for need in needs if installable([need.line])]
    own = [need for need in valid if package_name(need.line) == own_name]
    own_names = {own_name, *names_of_local_packages(project.pyproject)}
    foreign = [need for need in valid if package_name(need.line) not in own_names]
    lines = [*tox.dependencies, *hints.pip_arguments, *(need.line for need in needs)]
    extras = {*tox.extras, *_extras_of_folder(lines), *_extras_of_needs(own)}
    requirements = _lines(foreign, Confidence.DECLARED)
    dependencies = _select_dependencies(foreign, requirements)
    return TestNeeds(
        requirements=tuple(requirements[:_MAX_REQUIREMENTS]),
        extras=tuple(sorted(filter(_is_for_tests, extras))),
        dependencies=tuple(dependencies[:_MAX_REQUIREMENTS]),
        modules=find_modules(code, project.tree.paths, _known_requirements(foreign), own_name),
    )


def _select_dependencies(needs: Sequence[Need], requirements: Iterable[str]) -> list[str]:
    """Return what the code needs to run, from its declarations or else from commands.

    A line without a version gives way to one for the same package in ``requirements``.
    """
    required = {package_name(line) for line in requirements}
    dependencies: list[str] = []
    for line in _lines(needs, Confidence.RUNTIME):
        if package_name(line) not in required or Requirement(line).specifier:
            dependencies.append(line)
    if dependencies or any(is_project_file(need.source.path) for need in needs):
        return dependencies
    commanded = _lines(needs, Confidence.COMMAND)
    if len(commanded) > _MAX_COMMANDED:
        return []
    return [line for line in commanded if package_name(line) not in required]


def _known_requirements(needs: Iterable[Need]) -> dict[str, str]:
    """Return normalized package name -> requirement to install if something imports it.

    Of a package that is installed anyway, it is the name alone: the line may have failed.
    """
    known: dict[str, str] = {}
    for need in sorted(needs, key=lambda need: list(Confidence).index(need.confidence)):
        name = package_name(need.line)
        is_certain = need.confidence in (Confidence.DECLARED, Confidence.RUNTIME)
        known.setdefault(name, Requirement(need.line).name if is_certain else need.line)
    return known


def _from_automation(hints: AutomationHints) -> list[Need]:
    """Return what is installed by commands; of those for another purpose, the names only."""
    needs: list[Need] = []
    for install in hints.installs:
        if install.text.startswith((FILE_OPTION, ".")):
            continue
        for line in installable([install.text]):
            name = Requirement(line).name
            if not install.for_tests:
                line = name
            confidence = _confidence_of_command(name, install)
            needs.append(Need(line, install.source, confidence))
    return sorted(needs, key=lambda need: need.confidence is Confidence.MENTIONED)


def _confidence_of_command(name: str, install: AutomationLine) -> Confidence:
    if not install.for_tests or canonicalize_name(name) in _TOOLS:
        return Confidence.MENTIONED
    return Confidence.DECLARED if install.in_nox else Confidence.COMMAND


def _from_tox(tox: ToxEnvironment) -> list[Need]:
    section = f"[testenv] deps of {tox.name}" if tox.name else "[testenv] deps"
    return needs_from(tox.dependencies, Source(tox.path, section), Confidence.DECLARED)


def _from_test_code(project: Project, tests: Mapping[str, str]) -> list[Need]:
    """Return the pytest plugins that tests and pytest's configuration use, declared or not."""
    needs: list[Need] = []
    for plugin in find_plugins(tests, project.pytest_config):
        needs.append(Need(plugin.package, Source("", plugin.reason), Confidence.DECLARED))
    return needs


def _lines(needs: Iterable[Need], confidence: Confidence) -> list[str]:
    """Return the installable lines of the needs with this confidence."""
    return installable(need.line for need in needs if need.confidence is confidence)


def _extras_of_folder(lines: Iterable[str]) -> set[str]:
    """Return the extras with which the repository's own folder is installed."""
    extras: set[str] = set()
    for line in lines:
        folder = _FOLDER_WITH_EXTRAS.match(line)
        if folder:
            names = folder[1].split(",")
            extras.update(name.strip() for name in names)
    return extras


def _extras_of_needs(needs: Iterable[Need]) -> set[str]:
    """Return the extras of the own package; one that names another is resolved elsewhere."""
    extras: set[str] = set()
    for need in needs:
        if need.confidence is not Confidence.RUNTIME:
            extras |= Requirement(need.line).extras
    return extras


def _is_for_tests(extra: str) -> bool:
    return NOT_FOR_TESTS.search(extra) is None
