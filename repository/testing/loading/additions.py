"""Install what tests lack into a built environment."""

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime

from packaging.utils import canonicalize_name

from repository.testing.install.installer import UvInstaller
from repository.testing.install.requirements import ONLY_WHEELS
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
        self._new_packages: list[str] = []
        """Packages that were not there before the last call of ``install``."""

    @property
    def index_is_unreachable(self) -> bool:
        return self._installer.unreachable

    async def install(self, symptoms: Sequence[Symptom]) -> list[Addition]:
        """Install what the symptoms ask for, and return what could be installed."""
        additions: list[Addition] = []
        self._new_packages = []
        # It reads the repository's files, which must not hold up other runs.
        remedies = await asyncio.to_thread(find_remedies, symptoms, self._names)
        for remedy in remedies:
            if remedy.requirement in self._tried or len(self._tried) >= MAX_ADDITIONS:
                continue
            if self._installer.unreachable or not self._installer.time_left:
                break
            self._tried.add(remedy.requirement)
            if await self._install(remedy):
                self._installer.log.note(f"added {remedy.requirement}: {remedy.reason}")
                additions.append(
                    Addition(
                        requirement=remedy.requirement,
                        reason=remedy.reason,
                        is_guess=remedy.is_guess,
                    )
                )
        return additions

    async def _install(self, remedy: Remedy) -> bool:
        for date in self._installer.dates:
            if self._installer.unreachable or not self._installer.time_left:
                return False
            wheel_alone = ("--no-deps", *ONLY_WHEELS) if remedy.is_guess else ()
            result = await self._installer.install(date, *wheel_alone, remedy.requirement)
            if result.returncode != 0:
                continue
            new = new_packages(result.output)
            if not new:
                return False
            self._new_packages += new
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
        result = await self._installer.install(date, *ONLY_WHEELS, remedy.requirement)
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
        is_broken = f"broken: {remedy.module}" in result.output
        if not is_broken or remedy.package not in self._new_packages:
            return True
        await self._drop(remedy, "can't be loaded")
        return False

    async def _drop(self, remedy: Remedy, reason: str) -> None:
        await self._installer.uninstall([remedy.package])
        self._installer.log.note(f"{remedy.requirement} {reason}: removed")


def new_packages(output: str) -> list[str]:
    """Return the normalized names of packages that uv installed and that were not there before."""
    installed = re.findall(r"^ \+ ([\w.-]+)==", output, re.M)
    replaced = re.findall(r"^ - ([\w.-]+)==", output, re.M)
    return [canonicalize_name(name) for name in installed if name not in replaced]
