"""Install what tests lack into a built environment."""

from collections.abc import Sequence
from datetime import datetime

from packaging.requirements import Requirement

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
            if remedy.is_guess and not await self._is_right_guess(remedy, date):
                continue
            result = await self._installer.install(date, remedy.requirement)
            if result.returncode == 0:
                return await self._can_be_imported(remedy)
            if self._installer.unreachable or not self._installer.time_left:
                return False
        return False

    async def _can_be_imported(self, remedy: Remedy) -> bool:
        """Uninstall a package whose module fails to load, as for want of a library.

        Tests for which it is optional expect an ImportError and nothing else.
        """
        if not remedy.module:
            return True
        result = await self._installer.run_script("print_broken_modules", remedy.module)
        if f"broken: {remedy.module}" not in result.output:
            return True
        await self._installer.uninstall([Requirement(remedy.requirement).name])
        self._installer.log.note(f"{remedy.requirement} can't be loaded: removed")
        return False

    async def _is_right_guess(self, remedy: Remedy, date: datetime) -> bool:
        """Whether the index has a wheel of that name with that module; it is then installed."""
        arguments = ("--no-deps", "--only-binary", ":all:", remedy.requirement)
        result = await self._installer.install(date, *arguments)
        if result.returncode != 0:
            return False
        missing = await self._installer.run_script("print_missing_modules", remedy.module)
        if missing.returncode == 0 and remedy.module not in missing.output.split():
            return True
        await self._installer.uninstall([remedy.requirement])
        self._installer.log.note(f"{remedy.requirement} has no module {remedy.module}: removed")
        return False
