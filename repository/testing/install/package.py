"""Install the repository's own package."""

from collections.abc import Iterator
from datetime import datetime

from repository.testing.environment import InstallMode
from repository.testing.folders import copy_folder
from repository.testing.install.build_failures import (
    BuildFailure,
    cause_of,
    classify,
    fingerprint,
)
from repository.testing.install.extensions import Extensions, check_extensions
from repository.testing.install.installer import UvInstaller
from repository.testing.install.rebuild_tools import install_rebuild_tools
from repository.testing.install.release import (
    Release,
    describe_release,
    release_candidates,
)
from repository.testing.install.unisolated_build import build_without_isolation
from repository.testing.install.uv_errors import first_error

#: Build back ends whose editable installs keep extension modules outside of the tree, and find them
#: by an import hook. meson-python's are rebuilt at each import, with tools that are gone by then.
_COPYING_BACKENDS = ("mesonpy", "scikit_build_core")
#: setuptools 64, the first with editable installs by the standard (PEP 660), needs Python 3.7.
_PYTHON_WITHOUT_EDITABLE = "3.6"
_BUILD_SECONDS = 220.0


async def install_siblings(installer: UvInstaller) -> None:
    """Install the repository's packages that a project needs that is no package itself."""
    arguments = installer.siblings
    if not arguments:
        return
    result = await installer.install(installer.dates[0], *arguments, seconds=_BUILD_SECONDS)
    if result.returncode != 0:
        error = first_error(result.output)
        installer.log.note(f"the repository's other packages can't be installed: {error}")


class PackageInstaller:
    """Installs the package from ``tree`` in the first way that works.

    The ways are, in order: an editable install; a copy; a build without isolation; its release, for
    the dependencies and compiled parts; its files on the path, not installed. The tree precedes a
    copy on the path, and gets the files that only the copy has. A way is left out if the failure of
    an earlier one shows that it would fail as well.

    Attributes:
        failure: why the package could not be built, in a sentence; empty if it was.
        rebuilds: whether its extension modules can be compiled again.
    """

    def __init__(self, installer: UvInstaller):
        self.failure = ""
        self.rebuilds = False
        self._installer = installer
        self._recipe = installer.recipe
        self._project = str(installer.project)

    async def install(self) -> InstallMode:
        mode = await self._build()
        if mode is not None:
            self.failure = ""
        if mode is None and not self._installer.unreachable:
            mode = await self._install_release()
        if mode is None:
            note = "the repository can't be installed; its files are put on the path"
            self._installer.log.note(note)
            return "path"
        return mode

    async def _build(self) -> InstallMode | None:
        """Build with packages as of each date in turn, until the same failure comes again."""
        earlier: set[tuple[str, ...]] = set()
        for date in self._installer.dates:
            mode, failure, errors = await self._build_as_of(date)
            if mode is not None:
                return mode
            if self._installer.unreachable or failure.is_final or not self._installer.time_left:
                return None
            is_first = not earlier and failure.may_build_without_isolation
            if is_first and await self._build_without_isolation():
                return "copied"
            if errors in earlier or not failure.may_pass_later:
                return None
            earlier.add(errors)
        return None

    async def _build_as_of(
        self, date: datetime
    ) -> tuple[InstallMode | None, BuildFailure, tuple[str, ...]]:
        """Try an editable install, then a copy; return what worked, or the last failure."""
        failure = BuildFailure.OTHER
        errors: tuple[str, ...] = ()
        for arguments in self._ways():
            result = await self._installer.install(date, *arguments, seconds=_BUILD_SECONDS)
            if result.returncode == 0:
                mode: InstallMode = "editable" if arguments[0] == "--editable" else "copied"
                extensions = await self._complete(mode)
                if not extensions.broken:
                    if extensions.names:
                        self.rebuilds = await install_rebuild_tools(self._installer)
                    return mode, failure, ()
                output = "error: its extension modules can't be imported"
            else:
                output = result.output
            failure = BuildFailure.TOO_SLOW if result.timed_out else classify(output)
            errors = fingerprint(output)
            self.failure = f"{failure.value}: {cause_of(output)}"
            await self._restore_tree()
            if self._installer.unreachable or not failure.may_copy:
                break
        return None, failure, errors

    def _ways(self) -> Iterator[tuple[str, ...]]:
        siblings = self._installer.siblings
        backend = self._recipe.backend.partition(".")[0] or "setuptools"
        is_too_old = self._recipe.python == _PYTHON_WITHOUT_EDITABLE and backend == "setuptools"
        if not is_too_old and backend not in _COPYING_BACKENDS:
            yield ("--editable", self._project, *siblings)
        yield (self._project, *siblings)

    async def _complete(self, mode: InstallMode, name: str = "") -> Extensions:
        """Complete the tree from the copy, or the release of ``name``; return its extensions."""
        packages = str(self._installer.workspace / "tree" / self._recipe.source_root)
        if mode == "copied":
            await self._installer.run_script("complete_tree", packages, name)
        await self._installer.run_script("remove_compiled_modules", packages)
        return await check_extensions(self._installer)

    async def _build_without_isolation(self) -> bool:
        if not await build_without_isolation(self._installer, self._restore_tree):
            return False
        extensions = await self._complete("copied")
        if not extensions.broken:
            self.rebuilds = bool(extensions.names)
            return True
        await self._restore_tree()
        return False

    async def _install_release(self) -> InstallMode | None:
        """Install the release that the tree announces, or else the last one before the commit.

        The first whose extension modules load in the tree is taken.
        """
        tried: set[tuple[str, str]] = set()
        strangers: set[str] = set()
        for candidate in release_candidates(self._installer):
            if candidate.name in strangers:
                continue
            release = await describe_release(self._installer, candidate.date, candidate.arguments)
            if release is None or (candidate.name, release.version) in tried:
                continue
            tried.add((candidate.name, release.version))
            if not release.belongs_to(self._recipe.repository):
                self._installer.log.note(release.refusal)
                strangers.add(candidate.name)
            elif await self._install_parts_of(release, candidate.date):
                self._installer.log.note(
                    f"the repository can't be built; its release {release.version} provides the"
                    " dependencies and compiled parts"
                )
                return "copied"
        return None

    async def _install_parts_of(self, release: Release, date: datetime) -> bool:
        name = release.name
        admit = self._installer.admit(name)
        requirement = f"{name}=={release.version}"
        arguments = ("--only-binary", name, admit, requirement, *self._installer.siblings)
        result = await self._installer.install(date, *arguments)
        if result.returncode != 0:
            return False
        extensions = await self._complete("copied", name)
        if not extensions.broken:
            return True
        await self._restore_tree()
        return False

    async def _restore_tree(self) -> None:
        """Remove the leftovers of a failed attempt from the tree."""
        await copy_folder(self._installer.sandbox, self._installer.workspace, "source", "tree")
