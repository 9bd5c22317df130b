"""Merge what was detected in several projects of a repository, for one environment."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from repository.testing.detect.needs import TestNeeds
from repository.testing.detect.project import Package
from repository.testing.detect.python_tests import TestFiles
from repository.testing.detect.requirements import Need, installable, package_name
from repository.testing.detect.test_code import own_modules


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
    needs: Iterable[TestNeeds], own_names: Collection[str], paths: Iterable[str]
) -> TestNeeds:
    """Return the needs of all projects; of several for one package, the first counts.

    Args:
        needs: of each project, the most important first.
        own_names: normalized names of the repository's packages, which no index provides.
        paths: all files of the repository, whose modules are its own.
    """
    requirements: list[str] = []
    extras: dict[str, None] = {}
    modules: dict[str, str] = {}
    for part in needs:
        requirements += part.requirements
        extras.update(dict.fromkeys(part.extras))
        modules = {**part.modules, **modules}
    foreign = modules.keys() - own_modules(paths)
    return TestNeeds(
        requirements=tuple(
            line for line in installable(requirements) if package_name(line) not in own_names
        ),
        extras=tuple(extras),
        modules={module: modules[module] for module in sorted(foreign)},
    )


def merge_sources(needs: Mapping[str, Sequence[Need]]) -> tuple[Need, ...]:
    """Return all needs, with the project's folder before their source."""
    merged: list[Need] = []
    for folder, part in needs.items():
        merged += [replace(need, source=join(folder, need.source)) for need in part]
    return tuple(merged)


def merge_packages(
    package: Package, folder: str, others: Iterable[Package], own_names: Collection[str]
) -> Package:
    """Return the package in ``folder`` with paths relative to the root.

    Its Python must fit the ``others``, too, and none of its dependencies is the repository's own.
    """
    requires = package.requires_python
    for other in others:
        if requires and other.requires_python and "|" not in requires + other.requires_python:
            requires = f"{requires},{other.requires_python}"
        requires = requires or other.requires_python
    dependencies = [line for line in package.dependencies if package_name(line) not in own_names]
    return replace(
        package,
        source_root=join(folder, package.source_root),
        requires_python=requires,
        dependencies=tuple(dependencies),
    )
