"""Find undeclared requirements in test files: pytest plugins and imported modules."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from repository.testing.detect.imports import find_imports
from repository.testing.detect.own_modules import OwnModules
from repository.testing.detect.package_names import distribution_of, known_requirement
from repository.testing.detect.requirements import installable, package_name

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
_SKIPPED_WITHOUT = re.compile(r"importorskip\([ \t]*['\"]([A-Za-z]\w*)")
"""A test or test module is skipped if this module is missing."""


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
    code: Mapping[str, str], paths: Iterable[str], known: Mapping[str, str], own_name: str
) -> dict[str, str]:
    """Return module -> requirement for third-party modules that the code imports.

    Optional modules count only if the repository names their package.

    Args:
        code: path -> text of the test files and of the files that they need.
        paths: All files of the repository.
        known: normalized package name -> requirement that the repository names anywhere.
        own_name: The normalized name of the repository's own package.
    """
    required: set[str] = set()
    optional: set[str] = set()
    for text in code.values():
        imports = find_imports(text)
        required |= imports.required
        optional |= imports.optional
        optional.update(_SKIPPED_WITHOUT.findall(text))
    own = OwnModules.of(paths)
    requirements: dict[str, str] = {}
    for module in sorted(required | optional):
        if own.include(module):
            continue
        requirement = known_requirement(module, known)
        if requirement is None and module in required and not own.resemble(module):
            requirement = distribution_of(module)
        # A module's name, such as _speedups, need not be one that a package can have.
        for line in installable(filter(None, [requirement])):
            if package_name(line) != own_name:
                requirements[module] = line
    return requirements
