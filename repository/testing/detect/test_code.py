"""Find undeclared requirements in test files: pytest plugins and imported modules."""

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.utils import canonicalize_name

from repository.testing.detect.requirements import PACKAGES

PLUGIN_OF_FIXTURE = {
    "mocker": "pytest-mock",
    "benchmark": "pytest-benchmark",
    "httpbin": "pytest-httpbin",
    "fs": "pyfakefs",
    "requests_mock": "requests-mock",
    "httpserver": "pytest-httpserver",
    "aiohttp_client": "pytest-aiohttp",
    "freezer": "pytest-freezer",
    "respx_mock": "respx",
    "datadir": "pytest-datadir",
    "subtests": "pytest-subtests",
}
PLUGIN_OF_MARK = {
    "asyncio": "pytest-asyncio",
    "django_db": "pytest-django",
    "anyio": "anyio",
    "trio": "pytest-trio",
}
PLUGIN_OF_OPTION = {
    "--cov": "pytest-cov",
    "--timeout": "pytest-timeout",
    "--doctest-plus": "pytest-doctestplus",
    "-n": "pytest-xdist",
    "--numprocesses": "pytest-xdist",
    "asyncio_mode": "pytest-asyncio",
    "doctest_plus": "pytest-doctestplus",
    "--reruns": "pytest-rerunfailures",
    "remote_data_strict": "pytest-remotedata",
    "--arraydiff": "pytest-arraydiff",
    "DJANGO_SETTINGS_MODULE": "pytest-django",
}
_PLUGIN_NAME = re.compile(r"(?<![\w-])pytest-[a-z][\w-]*")
_OPTION = re.compile(r"[\w-]+")
_OPTION_N = re.compile(r"(?<![\w-])-n ?\w")
_TEST_PARAMETERS = re.compile(r"^[ \t]*(?:async )?def test\w*\(([^)]{0,2000})\)", re.M)
_FUNCTION_NAME = re.compile(r"^[ \t]*(?:async )?def (\w+)\(", re.M)
_NAME = re.compile(r"\w+")
_MARK = re.compile(r"pytest\.mark\.(\w+)")
_IMPORT = re.compile(r"(?:from[ \t]+(\w[\w.]*)|import[ \t]+([^#]+))")
_MODULE_NAME = re.compile(r"\w[\w.]*")
_SKIPPED_WITHOUT = re.compile(r"importorskip\([ \t]*['\"]([A-Za-z]\w*)")
"""A test or test module is skipped if this module is missing."""
_MAX_LINE = 500


@dataclass(frozen=True)
class UsedPlugin:
    package: str
    reason: str


def find_plugins(
    tests: Mapping[str, str], pytest_config: Mapping[str, Any] | None
) -> list[UsedPlugin]:
    """Return the pytest plugins that the configuration names or the tests use."""
    config_text = str(pytest_config or "")
    test_text = "\n".join(tests.values())
    parameter_lists = _TEST_PARAMETERS.findall(test_text)
    parameters = set(_NAME.findall(" ".join(parameter_lists)))
    own_functions = _FUNCTION_NAME.findall(test_text)
    foreign_fixtures = parameters.difference(own_functions)
    marks = set(_MARK.findall(test_text))
    options = set(_OPTION.findall(config_text))
    if _OPTION_N.search(config_text):
        options.add("-n")
    named = sorted(set(_PLUGIN_NAME.findall(config_text)))
    return [
        *[UsedPlugin(package, "named in pytest's configuration") for package in named],
        *_plugins_of("fixture", PLUGIN_OF_FIXTURE, foreign_fixtures),
        *_plugins_of("mark", PLUGIN_OF_MARK, marks),
        *_plugins_of("option", PLUGIN_OF_OPTION, options),
    ]


def _plugins_of(kind: str, packages: Mapping[str, str], used: set[str]) -> list[UsedPlugin]:
    return [
        UsedPlugin(package, f"pytest {kind} {name}")
        for name, package in packages.items()
        if name in used
    ]


def find_modules(
    tests: Mapping[str, str], paths: Iterable[str], mentioned: Mapping[str, str]
) -> dict[str, str]:
    """Return module -> requirement for third-party modules that tests import.

    Optional modules count only if the repository mentions them.

    Args:
        tests: path -> text of the test files and of the files that they share.
        paths: All files of the repository.
        mentioned: normalized package name -> requirement that the repository mentions anywhere.
    """
    required: set[str] = set()
    optional: set[str] = set()
    for text in tests.values():
        required |= _imports_at_top(text)
        optional |= _imports_anywhere(text)
        optional.update(_SKIPPED_WITHOUT.findall(text))
    foreign = required | optional
    foreign -= own_modules(paths)
    foreign -= sys.stdlib_module_names
    requirements: dict[str, str] = {}
    for module in sorted(foreign):
        package = PACKAGES.get(module, module)
        requirement = mentioned.get(canonicalize_name(package))
        if requirement is None and module in required:
            requirement = package
        if requirement is not None:
            requirements[module] = requirement
    return requirements


def own_modules(paths: Iterable[str]) -> set[str]:
    """Return the names of all files and folders in the repository, without suffixes."""
    names: set[str] = set()
    for path in paths:
        for part in path.split("/"):
            name, _, _ = part.partition(".")
            names.add(name)
    return names


def _imports_at_top(text: str) -> set[str]:
    """Return modules imported outside of any block, which tests therefore require."""
    return _modules_in(text.splitlines())


def _imports_anywhere(text: str) -> set[str]:
    """Return modules imported anywhere; those inside a block may be optional."""
    return _modules_in(line.lstrip() for line in text.splitlines())


def _modules_in(lines: Iterable[str]) -> set[str]:
    modules: set[str] = set()
    for line in lines:
        modules |= _imported_by(line)
    return modules


def _imported_by(line: str) -> set[str]:
    """Return the top-level modules that a line imports, if it is an import."""
    if len(line) > _MAX_LINE:
        return set()
    statement = _IMPORT.match(line)
    if statement is None:
        return set()
    names = [statement[1]]
    if statement[1] is None:
        names = _first_words(statement[2].split(","))
    modules = set()
    for name in names:
        if _MODULE_NAME.fullmatch(name):
            top_level, _, _ = name.partition(".")
            modules.add(top_level)
    return modules


def _first_words(texts: Iterable[str]) -> list[str]:
    """Return the first word of each text, such as the module in ``module as name``."""
    words = []
    for text in texts:
        if text.strip():
            words.append(text.split()[0])
    return words
