"""Build the repository without isolation, with the build tools of the commit's time."""

from collections.abc import Awaitable, Callable

from packaging.requirements import Requirement

from repository.testing.detect.requirements import PACKAGES, installable, package_name
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

    An old setup.py may import undeclared requirements. Those that a build reports as missing are
    installed before the next attempt.
    """
    requirements = build_tools(installer.recipe.build_requirements)
    date = installer.dates[0]
    for _ in range(_MAX_BUILDS):
        if not installer.time_left or installer.unreachable:
            return False
        await _install_tools(installer, requirements)
        result = await installer.install(
            date,
            "--no-build-isolation",
            str(installer.workspace / "tree"),
            recent_build_tools=False,
            seconds=_BUILD_SECONDS,
        )
        if result.returncode == 0:
            return True
        await restore_tree()
        missing = [PACKAGES.get(name, name) for name in sorted(missing_in_build(result.output))]
        names = {package_name(line) for line in requirements}
        new = [line for line in installable(missing) if package_name(line) not in names]
        if result.timed_out or not new:
            return False
        requirements += new
    return False


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
