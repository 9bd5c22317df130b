"""Decide which package provides what tests lack.

A name in the output of tests is no reason to install whatever the index has under that name. A
package is installed if a table of ours or a file of the repository names it. Otherwise it is a
guess: a package of the module's own name is installed only as a wheel, which runs no code, and
stays only if it has that module. A module that the repository has itself is never looked up in
the index, for there it can only be a stranger's.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from repository.testing.detect.own_modules import OwnModules
from repository.testing.detect.package_names import (
    DISTRIBUTIONS,
    distribution_of,
    known_requirement,
)
from repository.testing.detect.requirements import Need, installable
from repository.testing.detect.test_code import (
    PLUGIN_OF_FIXTURE,
    PLUGIN_OF_MARK,
    PLUGIN_OF_OPTION,
)
from repository.testing.loading.symptoms import Lack, Symptom

_PLUGINS: Mapping[Lack, Mapping[str, str]] = {
    Lack.FIXTURE: PLUGIN_OF_FIXTURE,
    Lack.MARK: PLUGIN_OF_MARK,
    Lack.OPTION: PLUGIN_OF_OPTION,
}
MAX_WORDS = 40
#: They belong to another system, or to whoever starts the tests.
_NEVER = frozenset({"sitecustomize", "usercustomize", "pywin32", "win32api", "winreg", "conftest"})


@dataclass(frozen=True)
class Remedy:
    """A requirement to install, and why."""

    requirement: str
    reason: str
    module: str = ""
    """The module that the package is to provide, if one is missing."""
    is_guess: bool = False
    """Whether nothing but the module's name speaks for the package."""

    @property
    def package(self) -> str:
        """The normalized name of the package."""
        return canonicalize_name(Requirement(self.requirement).name)


@dataclass(frozen=True)
class RepositoryNames:
    """What the repository's files say about names of modules and packages."""

    own: OwnModules = field(default_factory=OwnModules)
    mentioned: Mapping[str, str] = field(default_factory=dict)
    """Normalized name of a package -> the requirement that a file states."""
    package: str = ""
    """The normalized name of its own package."""
    others: frozenset[str] = frozenset()
    """The normalized names of the packages of its other projects."""
    extras: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Extra of its own package -> the requirements that it adds."""
    imports: Callable[[str], bool] = lambda _: False
    """Whether a file of the repository imports a module."""

    @classmethod
    def of(
        cls,
        paths: Iterable[str],
        needs: Iterable[Need],
        package: str,
        extras: Mapping[str, Sequence[str]],
        imports: Callable[[str], bool],
    ) -> "RepositoryNames":
        lines = [need.line for need in needs]
        for added in extras.values():
            lines += added
        mentioned: dict[str, str] = {}
        for line in installable(lines):
            mentioned.setdefault(canonicalize_name(Requirement(line).name), line)
        own = OwnModules.of(paths)
        return cls(
            own=own,
            mentioned=mentioned,
            package=canonicalize_name(package),
            extras=extras,
            imports=imports,
        )


def find_remedies(symptoms: Iterable[Symptom], names: RepositoryNames) -> list[Remedy]:
    """Return the packages that provide what is missing, each once.

    Words in the reasons of skips are looked up in the repository's files, which takes a while; the
    first ones of very many are.
    """
    remedies: dict[str, Remedy] = {}
    words = 0
    for symptom in symptoms:
        words += symptom.lack is Lack.OPTIONAL
        if symptom.lack is Lack.OPTIONAL and words > MAX_WORDS:
            continue
        for remedy in _find_remedies(symptom, names):
            for line in (remedy, *_rest_of_extra(remedy, names)):
                if line.package != names.package and line.package not in names.others:
                    remedies.setdefault(line.package, line)
    return list(remedies.values())


def _find_remedies(symptom: Symptom, names: RepositoryNames) -> list[Remedy]:
    if symptom.lack is Lack.EXTRA:
        return _for_extra(symptom, names)
    remedy = _find_remedy(symptom, names)
    return [] if remedy is None else [remedy]


def _for_extra(symptom: Symptom, names: RepositoryNames) -> list[Remedy]:
    package, _, extra = symptom.name.rstrip("]").partition("[")
    if canonicalize_name(package) != names.package:
        return []
    remedies: list[Remedy] = []
    for name, lines in names.extras.items():
        if canonicalize_name(name) == canonicalize_name(extra):
            remedies += [Remedy(line, symptom.evidence) for line in lines]
    return remedies


def _rest_of_extra(remedy: Remedy, names: RepositoryNames) -> list[Remedy]:
    """Return what the repository's smallest extra with this package has besides it.

    What an extra names belongs together: a part of it alone may break more than it mends.
    """
    extras: list[Sequence[str]] = []
    for lines in names.extras.values():
        packages = [canonicalize_name(Requirement(line).name) for line in lines]
        if remedy.package in packages:
            extras.append(lines)
    smallest = min(extras, key=len, default=())
    return [Remedy(line, remedy.reason) for line in smallest]


def _find_remedy(symptom: Symptom, names: RepositoryNames) -> Remedy | None:
    match symptom.lack:
        case Lack.MODULE:
            return _for_module(symptom, names)
        case Lack.OPTIONAL:
            return _for_word(symptom, names)
        case Lack.PACKAGE:
            return Remedy(symptom.name, symptom.evidence)
    package = _PLUGINS[symptom.lack].get(symptom.name)
    if package is None:
        return None
    return Remedy(_as_mentioned(package, names), symptom.evidence)


def _for_module(symptom: Symptom, names: RepositoryNames) -> Remedy | None:
    module = symptom.name
    package = DISTRIBUTIONS.get(module)
    if module in names.own.modules or module.lower() in _NEVER:
        return None
    if package is None and module in sys.stdlib_module_names:
        return None
    line = known_requirement(module, names.mentioned)
    if line is not None:
        return Remedy(line, symptom.evidence, module)
    if package is not None:
        return Remedy(package, symptom.evidence, module)
    if names.own.include(module):
        return None
    for guess in installable([distribution_of(module)]):  # _speedups is no package's name
        return Remedy(guess, symptom.evidence, module, is_guess=True)
    return None


def _for_word(symptom: Symptom, names: RepositoryNames) -> Remedy | None:
    """Take a word of a skip's reason for a package only if the repository imports it."""
    word = symptom.name
    for module in dict.fromkeys((word, word.replace("-", "_"), word.lower())):
        if module.isidentifier() and names.imports(module):
            return _for_module(Symptom(Lack.MODULE, module, symptom.evidence), names)
    package = canonicalize_name(word)
    for module, provider in DISTRIBUTIONS.items():
        if provider == package and names.imports(module):
            return _for_module(Symptom(Lack.MODULE, module, symptom.evidence), names)
    return None


def _as_mentioned(package: str, names: RepositoryNames) -> str:
    return names.mentioned.get(canonicalize_name(package), package)
