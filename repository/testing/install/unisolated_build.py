"""Build the repository without isolation, with the build tools of the commit's time."""

from collections.abc import Awaitable, Callable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from repository.testing.detect.package_names import distribution_of
from repository.testing.detect.requirements import installable, package_name
from repository.testing.install.build_failures import missing_in_build
from repository.testing.install.installer import UvInstaller

_MAX_BUILDS = 4
_BUILD_SECONDS = 220.0
#: The build needs the version that the tests run with, not the one that is pinned for releases.
BUILT_AGAINST = {"numpy": "numpy", "oldest-supported-numpy": "numpy", "scipy": "scipy"}


async def build_without_isolation(
    installer: UvInstaller, restore_tree: Callable[[], Awaitable[None]]
) -> bool:
    """Install a copy, built with tools in the environment itself; return whether that worked.

    An old setup.py may import undeclared requirements, and its sources include files of the
    package's own dependencies. What a build reports as missing is installed before the next
    attempt.
    """
    recipe = installer.recipe
    requirements = build_tools((*recipe.build_requirements, *recipe.dependencies))
    date = installer.dates[0]
    for _ in range(_MAX_BUILDS):
        if not installer.time_left or installer.unreachable:
            return False
        await _install_tools(installer, requirements)
        result = await installer.install(
            date,
            "--no-build-isolation",
            str(installer.project),
            *installer.siblings,
            recent_build_tools=False,
            seconds=_BUILD_SECONDS,
        )
        if result.returncode == 0:
            return True
        await restore_tree()
        new = _new_requirements(installer, requirements, missing_in_build(result.output))
        if result.timed_out or not new:
            return False
        requirements += new
    return False


def _new_requirements(
    installer: UvInstaller, requirements: list[str], modules: set[str]
) -> list[str]:
    """Return what provides modules that a build misses, except the repository's own."""
    known = {package_name(line) for line in requirements}
    known.add(canonicalize_name(installer.recipe.name))
    source = installer.workspace / "source"
    roots = [source, source / installer.recipe.source_root]
    packages: list[str] = []
    for module in sorted(modules):
        is_own = any((root / module).exists() or (root / f"{module}.py").exists() for root in roots)
        if not is_own:
            packages.append(distribution_of(module))
    return [line for line in installable(packages) if package_name(line) not in known]


def build_tools(stated: tuple[str, ...]) -> list[str]:
    """Return what to install for a build that states these requirements."""
    lines: list[str] = []
    for line in stated:
        name = package_name(line)
        if name in BUILT_AGAINST:
            line = _with_marker(BUILT_AGAINST[name], Requirement(line))
        lines.append(line)
    return installable([*lines, "setuptools", "wheel"])


async def _install_tools(installer: UvInstaller, requirements: list[str]) -> None:
    """Install requirements of the build together or, if that fails, one by one."""
    date = installer.dates[0]
    option = "--reinstall-package=setuptools"
    result = await installer.install(date, option, *requirements, recent_build_tools=False)
    if result.returncode == 0 or installer.unreachable:
        return
    for requirement in requirements:
        await installer.install(date, option, requirement, recent_build_tools=False)


def _with_marker(name: str, requirement: Requirement) -> str:
    return f"{name}; {requirement.marker}" if requirement.marker else name
