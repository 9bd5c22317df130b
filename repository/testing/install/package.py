"""Install the repository's own package."""

import re
from collections.abc import Sequence
from datetime import datetime

from repository.testing.detect.requirements import PACKAGES, installable
from repository.testing.environment import InstallMode
from repository.testing.folders import copy_folder
from repository.testing.install.installer import UvInstaller

#: In the output of a failing build: the module or package that is missing.
_BUILD_NEEDS = re.compile(
    r"No module named '?(\w+)|\b(\w+)\)? is not installed|\b(\w+) must be available and importable",
    re.I,
)
_MAX_BUILDS = 5
#: An editable install by meson-python is rebuilt at each import, with tools that are gone by then.
_MESON = "mesonpy"


class PackageInstaller:
    """Installs the package from ``tree`` in the first way that works.

    The ways are, in order: an editable install; a copy; its last release before the commit, for the
    dependencies and compiled parts; its files on the path, not installed. The tree precedes a copy
    on the path, and gets the files that only the copy has.
    """

    def __init__(self, installer: UvInstaller):
        self._installer = installer
        self._recipe = installer.recipe
        self._tree = str(installer.workspace / "tree")

    async def install(self) -> InstallMode:
        first_date = self._installer.dates[0]
        for date in self._installer.dates:
            install_mode, output = await self._install_as_of(date)
            if install_mode is not None:
                return install_mode
            if self._installer.unreachable:
                return "path"
            if date == first_date and await self._build_without_isolation(output):
                return await self._complete_tree()
        return await self._install_release()

    async def _install_as_of(self, date: datetime) -> tuple[InstallMode | None, str]:
        """Try each way with packages as of a date; return the mode that worked and all output."""
        output = ""
        for arguments in self._ways():
            result = await self._installer.install(date, *arguments)
            output += result.output
            if result.returncode == 0:
                if "--editable" in arguments:
                    return "editable", output
                return await self._complete_tree(), output
            if self._installer.unreachable:
                return None, output
            await self._restore_tree()
            if result.timed_out or not self._installer.time_left:
                return await self._install_release(), output
        return None, output

    def _ways(self) -> Sequence[tuple[str, ...]]:
        if self._recipe.backend == _MESON:
            return [(self._tree,)]
        return [("--editable", self._tree), (self._tree,)]

    async def _build_without_isolation(self, output: str) -> bool:
        """Build with the tools of the commit's time.

        An old setup.py may import undeclared requirements. Those that a build's ``output`` reports
        as missing are installed before the next attempt.
        """
        date = self._installer.dates[0]
        tools = ["setuptools", "wheel"]
        for _ in range(_MAX_BUILDS):
            modules = missing_in_build(output)
            missing = [
                PACKAGES.get(module, module)
                for module in sorted(modules)
                if module.lower() not in tools
            ]
            requirements = installable(missing)
            if not requirements or not self._installer.time_left:
                return False
            tools += [module.lower() for module in modules]
            await self._installer.install(
                date,
                "--reinstall-package=setuptools",
                "setuptools",
                "wheel",
                *requirements,
                recent_build_tools=False,
            )
            result = await self._installer.install(
                date, "--no-build-isolation", self._tree, recent_build_tools=False
            )
            if result.returncode == 0:
                return True
            output = result.output
            await self._restore_tree()
        return False

    async def _install_release(self) -> InstallMode:
        name = self._recipe.name
        dates = self._installer.dates if name else []
        for date in dates:
            result = await self._installer.install(date, "--only-binary", name, name)
            if result.returncode == 0:
                self._installer.log.note(
                    "the repository can't be built; its last release provides the compiled parts"
                )
                return await self._complete_tree()
        self._installer.log.note("the repository can't be installed; its files are put on the path")
        return "path"

    async def _complete_tree(self) -> InstallMode:
        packages = self._installer.workspace / "tree" / self._recipe.source_root
        await self._installer.run_script("complete_tree", str(packages), self._recipe.name)
        return "copied"

    async def _restore_tree(self) -> None:
        """Remove the leftovers of a failed attempt from the tree."""
        await copy_folder(self._installer.sandbox, self._installer.workspace, "source", "tree")


def missing_in_build(output: str) -> set[str]:
    """Return the modules that a failing build reports as missing."""
    return {a or b or c for a, b, c in _BUILD_NEEDS.findall(output)}
