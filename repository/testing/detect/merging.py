"""Merge what was detected in several projects of a repository, for one environment."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from repository.testing.detect.needs import TestNeeds
from repository.testing.detect.own_modules import OwnModules
from repository.testing.detect.project import Package
from repository.testing.detect.python_tests import TestFiles
from repository.testing.detect.requirements import Need, Source, installable, package_name


def join(folder: str, path: str) -> str:
    """Return a path in a folder, relative to the repository's root, which is ``""``."""
    return "/".join(filter(None, [folder, path]))


def merge_tests(tests: Mapping[str, TestFiles]) -> TestFiles:
    """Return all test files with paths relative to the root. ``tests``: folder -> its own."""
    paths: list[str] = []
    patterns: list[str] = []
    texts: dict[str, str] = {}
    for folder, files in tests.items():
        paths += [join(folder, path) for path in files.paths]
        patterns += files.patterns
        texts.update({join(folder, path): text for path, text in files.texts.items()})
    return TestFiles(tuple(paths), tuple(dict.fromkeys(patterns)), texts)


def merge_needs(
    installed: TestNeeds,
    others: Iterable[TestNeeds],
    own_names: Collection[str],
    paths: Iterable[str],
) -> TestNeeds:
    """Return the needs of all projects; of several for one package, the first counts.

    Args:
        installed: of the project whose package is installed.
        others: of the others, the most important first.
        own_names: normalized names of the repository's packages, which no index provides.
        paths: all files of the repository, whose modules are its own.
    """
    requirements = list(installed.requirements)
    modules = dict(installed.modules)
    for part in others:
        requirements += [*part.requirements, *part.dependencies]
        modules = {**part.modules, **modules}
    own = OwnModules.of(paths)
    return replace(
        installed,
        requirements=_foreign(requirements, own_names),
        dependencies=_foreign(installed.dependencies, own_names),
        modules={
            module: line for module, line in sorted(modules.items()) if not own.include(module)
        },
    )


def _foreign(lines: Iterable[str], own_names: Collection[str]) -> tuple[str, ...]:
    return tuple(line for line in installable(lines) if package_name(line) not in own_names)


def merge_sources(needs: Mapping[str, Sequence[Need]]) -> tuple[Need, ...]:
    """Return all needs, with the project's folder before their source."""
    merged: list[Need] = []
    for folder, part in needs.items():
        merged += [replace(need, source=_place(need.source, folder)) for need in part]
    return tuple(merged)


def _place(source: Source, folder: str) -> Source:
    return replace(source, path=join(folder, source.path)) if source.path else source


def merge_packages(package: Package, folder: str, others: Iterable[Package]) -> Package:
    """Return the package in ``folder`` with paths relative to the root.

    Its Python must fit the ``others``, too.
    """
    requires = package.requires_python
    for other in others:
        if requires and other.requires_python and "|" not in requires + other.requires_python:
            requires = f"{requires},{other.requires_python}"
        requires = requires or other.requires_python
    return replace(
        package,
        source_root=join(folder, package.source_root),
        requires_python=requires,
    )
