"""Install what tests lack into a built environment."""

import re
from collections.abc import Sequence
from datetime import datetime

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from repository.testing.install.installer import UvInstaller
from repository.testing.loading.remedies import Remedy, RepositoryNames, find_remedies
from repository.testing.loading.symptoms import Symptom
from repository.testing.models import Addition

MAX_ADDITIONS = 12


class AdditionInstaller:
    """Installs the remedies of symptoms, each tried once, at most MAX_ADDITIONS of them."""

    def __init__(self, installer: UvInstaller, names: RepositoryNames):
        self._installer = installer
        self._names = names
        self._tried: set[str] = set()

    @property
    def index_is_unreachable(self) -> bool:
        return self._installer.unreachable

    async def install(self, symptoms: Sequence[Symptom]) -> list[Addition]:
        """Install what the symptoms ask for, and return what could be installed."""
        additions: list[Addition] = []
        for remedy in find_remedies(symptoms, self._names):
            if remedy.requirement in self._tried or len(self._tried) >= MAX_ADDITIONS:
                continue
            if self._installer.unreachable or not self._installer.time_left:
                break
            self._tried.add(remedy.requirement)
            if await self._install(remedy):
                self._installer.log.note(f"added {remedy.requirement}: {remedy.reason}")
                additions.append(Addition(requirement=remedy.requirement, reason=remedy.reason))
        return additions

    async def remove(self, additions: Sequence[Addition]) -> None:
        packages = [Requirement(addition.requirement).name for addition in additions]
        await self._installer.uninstall(packages)
        self._installer.log.note(f"removed {', '.join(packages)}: the tests are worse with it")

    async def _install(self, remedy: Remedy) -> bool:
        for date in self._installer.dates:
            if self._installer.unreachable or not self._installer.time_left:
                return False
            wheel_alone = ("--no-deps", "--only-binary", ":all:") if remedy.is_guess else ()
            result = await self._installer.install(date, *wheel_alone, remedy.requirement)
            if result.returncode != 0:
                continue
            if not _has_installed(result.output, remedy.package):
                return False
            if remedy.is_guess and not await self._complete_guess(remedy, date):
                continue
            return await self._can_be_imported(remedy)
        return False

    async def _complete_guess(self, remedy: Remedy, date: datetime) -> bool:
        """Install what a guessed package requires, if it has the module; else uninstall it."""
        missing = await self._installer.run_script("print_missing_modules", remedy.module)
        if missing.returncode != 0 or remedy.module in missing.output.split():
            await self._drop(remedy, f"has no module {remedy.module}")
            return False
        result = await self._installer.install(date, remedy.requirement)
        if result.returncode != 0:
            await self._drop(remedy, "requires what can't be installed")
        return result.returncode == 0

    async def _can_be_imported(self, remedy: Remedy) -> bool:
        """Uninstall a package whose module fails to load, as for want of a library.

        Tests for which it is optional expect an ImportError and nothing else.
        """
        if not remedy.module:
            return True
        result = await self._installer.run_script("print_broken_modules", remedy.module)
        if f"broken: {remedy.module}" not in result.output:
            return True
        await self._drop(remedy, "can't be loaded")
        return False

    async def _drop(self, remedy: Remedy, reason: str) -> None:
        await self._installer.uninstall([remedy.package])
        self._installer.log.note(f"{remedy.requirement} {reason}: removed")


def _has_installed(output: str, package: str) -> bool:
    """Whether uv says that it installed a package which was not there in this version."""
    installed = re.findall(r"^ \+ ([\w.-]+)==", output, re.M)
    return any(canonicalize_name(name) == package for name in installed)
