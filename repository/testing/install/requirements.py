"""Install the requirements of the tests."""

import re
from collections.abc import Collection

from packaging.metadata import RawMetadata, parse_email
from packaging.requirements import Requirement

from repository.testing.detect.requirements import choose_for_tests, package_name, resolve_extras
from repository.testing.install.installer import UvInstaller
from repository.testing.install.uv_errors import first_error
from repository.testing.models import Addition, Recipe

#: No code of a package, or of what it requires, runs while it is installed.
ONLY_WHEELS = ("--only-binary", ":all:")
#: In uv's error messages: the package that can't be found or built, or one that depends on it.
_BLAMED = r"(?:Failed to (?:build|download)|depends on|because|versions? of|only) `?%s(?![\w-])"
_MAX_ATTEMPTS = 8
_MAX_PARTS = 24
"""Enough to find three of a hundred requirements that can't be installed."""
_SECONDS = 120.0
"""Longer, and uv is going through the versions of requirements that exclude each other."""
#: If there are more, each is tried only as of the commit's date.
_MAX_TRIED_AT_ALL_DATES = 4


async def read_metadata(installer: UvInstaller) -> RawMetadata:
    """Return the metadata of the installed repository; empty if it is not installed."""
    arguments = (str(installer.project), installer.recipe.name)
    result = await installer.run_script("print_metadata", *arguments)
    metadata, _ = parse_email(result.output)
    return metadata


def requirements_of_extras(metadata: RawMetadata, recipe: Recipe) -> list[str]:
    """Return the requirements of the test extras, from the installed repository's metadata."""
    offered = metadata.get("provides_extra", [])
    requested = dict.fromkeys([*recipe.extras, *choose_for_tests(offered)])
    extras = [extra for extra in requested if extra in offered]
    return _resolve_extras(metadata, extras, recipe)


def all_extras(metadata: RawMetadata, recipe: Recipe) -> dict[str, list[str]]:
    """Return each extra of the installed repository with the requirements that it adds."""
    extras = metadata.get("provides_extra", [])
    return {extra: _resolve_extras(metadata, [extra], recipe) for extra in extras}


def _resolve_extras(metadata: RawMetadata, extras: Collection[str], recipe: Recipe) -> list[str]:
    """Return what extras add, except for the repository's own packages."""
    name = metadata.get("name", "")
    lines = resolve_extras(name, extras, metadata.get("requires_dist", []), recipe.python)
    return [line for line in lines if package_name(line) not in recipe.own_packages]


async def install_requirements(installer: UvInstaller, requirements: list[str]) -> None:
    """Install requirements together.

    If that fails, those that uv blames are installed one by one; if it blames none, each half is
    installed together, and so on.
    """
    apart: list[str] = []
    for _ in range(_MAX_ATTEMPTS):
        if not installer.time_left:
            return
        if not requirements:
            break
        result = await installer.install(installer.dates[0], *requirements, seconds=_SECONDS)
        if result.returncode == 0 or installer.unreachable:
            break
        blamed = _blamed_requirements(requirements, result.output)
        if not blamed or result.timed_out:
            await _install_in_halves(installer, requirements)
            break
        requirements = [line for line in requirements if line not in blamed]
        apart = [*blamed, *apart]
    await _install_one_by_one(installer, apart)


async def install_additions(installer: UvInstaller, additions: Collection[Addition]) -> None:
    """Install what tests lacked when they were loaded or run before."""
    stated = [addition.requirement for addition in additions if not addition.is_guess]
    await install_requirements(installer, stated)
    for addition in additions:
        if addition.is_guess:
            await _install_one_by_one(installer, [addition.requirement], *ONLY_WHEELS)


async def _install_in_halves(installer: UvInstaller, requirements: list[str]) -> None:
    """Install requirements that can't all be installed together."""
    pending = _halves(requirements)
    for _ in range(_MAX_PARTS):
        if not pending or installer.unreachable or not installer.time_left:
            return
        part = pending.pop(0)
        if len(part) == 1:
            await _install_one_by_one(installer, part)
            continue
        result = await installer.install(installer.dates[0], *part, seconds=_SECONDS)
        if result.returncode != 0:
            pending += _halves(part)


def _halves(requirements: list[str]) -> list[list[str]]:
    middle = len(requirements) // 2
    return [half for half in (requirements[:middle], requirements[middle:]) if half]


def _blamed_requirements(requirements: list[str], output: str) -> list[str]:
    blamed: list[str] = []
    for requirement in requirements:
        name = re.escape(Requirement(requirement).name)
        if re.search(_BLAMED % name, output, re.I):
            blamed.append(requirement)
    return blamed


async def _install_one_by_one(
    installer: UvInstaller, requirements: list[str], *options: str
) -> None:
    dates = installer.dates
    if len(requirements) > _MAX_TRIED_AT_ALL_DATES:
        dates = dates[:1]
    for requirement in requirements:
        last_error = ""
        for date in dates:
            if installer.unreachable or not installer.time_left:
                return
            result = await installer.install(date, *options, requirement)
            error = first_error(result.output)
            if result.returncode == 0 or error == last_error:
                break
            last_error = error
