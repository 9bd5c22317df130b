"""Build the environment of a Python repository, with packages as of the base commit's date."""

import time
from collections.abc import Sequence
from pathlib import Path

from repository.config import CONFIG
from repository.testing.detect.requirements import installable
from repository.testing.environment import (
    BuiltEnvironment,
    EnvironmentFailed,
    InstallMode,
    version_variables,
)
from repository.testing.folders import copy_folder, empty_folders
from repository.testing.install.build_task import BuildTask
from repository.testing.install.cache import (
    CachedEnvironment,
    EnvironmentCache,
    Installation,
    environment_key,
    installation_key,
)
from repository.testing.install.installer import UvInstaller
from repository.testing.install.interpreters import find_interpreters, interpreter_folders
from repository.testing.install.modules import find_missing_modules, remove_broken_modules
from repository.testing.install.own_requirements import constraints_from, mend_own_requirements
from repository.testing.install.package import PackageInstaller, install_siblings
from repository.testing.install.pip_install import install_pip
from repository.testing.install.pytest_install import install_pytest
from repository.testing.install.rebuild_tools import install_rebuild_tools
from repository.testing.install.release import describe_release
from repository.testing.install.requirements import (
    install_additions,
    install_requirements,
    read_metadata,
    requirements_of_extras,
)
from repository.testing.install.uv_errors import first_error

#: The version of a package that asks git for it, and has neither a tag nor a release.
_UNRELEASED = "0.0.1"
#: Before Python 3.12, every environment had setuptools; without its pkg_resources, old pytests find
#: no plugins.
_FIRST_MINOR_WITHOUT_SETUPTOOLS = 12
_WORTH_CACHING = 5.0
"""Seconds of installing the repository; another copy of the environment takes about as long."""


async def build_python_environment(task: BuildTask) -> BuiltEnvironment:
    """Build ``env`` and ``prepared`` from ``source``, the base commit's files.

    Raises:
        EnvironmentFailed: no environment in which the tests can run could be built.
    """
    recipe = task.recipe
    interpreters = find_interpreters(task.tools.pythons)
    interpreter = interpreters.get(_minor(recipe.python))
    if interpreter is None:
        available = ", ".join(f"3.{minor}" for minor in sorted(interpreters)) or "none"
        raise EnvironmentFailed(
            f"this machine has no Python {recipe.python}; python under [tests] in {CONFIG} chooses"
            f" one that it has: {available}"
        )
    builder = _Builder(UvInstaller(task, interpreter), task.tools.cache)
    await empty_folders(task.tools.sandbox, task.workspace, "env", "report")
    await copy_folder(task.tools.sandbox, task.workspace, "source", "tree")
    install_mode: InstallMode = "path"
    if recipe.needs_environment:
        install_mode = await builder.install()
    await copy_folder(task.tools.sandbox, task.workspace, "tree", "prepared")
    return builder.built(install_mode)


class _Builder:
    def __init__(self, installer: UvInstaller, cache: Path):
        self._installer = installer
        self._recipe = installer.recipe
        self._rebuilds = False
        self._failure = ""
        self._cache = EnvironmentCache.of(installer.sandbox, cache, self._recipe.repository)
        self._inputs = installation_key(installer.build_inputs, installer.folder_inside)
        self._key = environment_key(self._recipe, installer.interpreter, installer.index)

    def built(self, install_mode: InstallMode) -> BuiltEnvironment:
        interpreter = self._installer.interpreter
        return BuiltEnvironment(
            recipe=self._recipe,
            interpreter=interpreter,
            install_mode=install_mode,
            tool_folders=(interpreter.parent,),
            readable=interpreter_folders(interpreter),
            variables=version_variables(self._installer.version),
            rebuilds=self._rebuilds,
            failure=self._failure,
        )

    async def install(self) -> InstallMode:
        """Install into a copy of a cached environment, or into a new one, which is then cached."""
        log = self._installer.log
        self._installer.constrain(())
        with log.phase("create the environment"):
            cached = await self._cache.copy_to(self._installer.workspace, self._key, self._inputs)
            if cached is None:
                await self._create()
            else:
                log.note(f"an environment of this repository is cached here: {self._key}")
        with log.phase("install the repository"):
            started = time.monotonic()
            if cached is not None and cached.installation is not None:
                install_mode = await self._reuse(cached.installation)
            else:
                await self._guess_version()
                install_mode = await self._install_repository()
            install_seconds = time.monotonic() - started
        with log.phase("install the requirements"):
            installed = cached.requirements if cached else ()
            added = await self._install_requirements(install_mode, installed)
        if cached is None or install_seconds > _WORTH_CACHING:
            with log.phase("complete and cache the environment"):
                await self._finish(added, install_mode, is_new=cached is None)
        if self._recipe.additions:
            # They are not cached: another commit may have the module itself.
            with log.phase("install what the tests lacked"):
                await install_additions(self._installer, self._recipe.additions)
        return install_mode

    async def _reuse(self, installation: Installation) -> InstallMode:
        """Take over the installation of another commit, from the same build files."""
        note = f"nothing that the build depends on has changed: {installation.install_mode}"
        self._installer.log.note(note)
        self._installer.version = installation.version
        self._failure = installation.failure
        if installation.rebuilds:
            self._rebuilds = await install_rebuild_tools(self._installer)
        return installation.install_mode

    async def _create(self) -> None:
        result = await self._installer.run_uv(
            "venv",
            "--relocatable",
            "--allow-existing",
            "--python",
            str(self._installer.interpreter),
            str(self._installer.env),
        )
        if result.returncode != 0:
            raise EnvironmentFailed(f"uv venv: {first_error(result.output)}")
        if _minor(self._recipe.python) < _FIRST_MINOR_WITHOUT_SETUPTOOLS:
            await self._installer.install(self._installer.dates[0], "setuptools")

    async def _guess_version(self) -> None:
        """Use the version of the last release before the commit if there is no tag."""
        recipe = self._recipe
        if not recipe.version_from_git or recipe.version is not None:
            return
        self._installer.version = _UNRELEASED
        if not recipe.name:
            return
        release = await describe_release(self._installer, self._installer.dates[0], (recipe.name,))
        if release is not None and release.belongs_to(recipe.repository):
            self._installer.version = release.version

    async def _install_repository(self) -> InstallMode:
        if not self._recipe.packaged:
            await install_siblings(self._installer)
            return "path"
        package = PackageInstaller(self._installer)
        install_mode = await package.install()
        self._rebuilds = package.rebuilds
        self._failure = package.failure
        packages = self._installer.workspace / "tree" / self._recipe.source_root
        await self._installer.run_script("link_tree", str(packages))
        return install_mode

    async def _install_requirements(
        self, install_mode: InstallMode, installed: Sequence[str]
    ) -> list[str]:
        """Install the tests' requirements except ``installed`` ones, and return all of them."""
        metadata = await read_metadata(self._installer)
        of_extras = requirements_of_extras(metadata, self._recipe)
        stated = self._recipe.dependencies if install_mode == "path" else ()
        own = metadata.get("requires_dist") or self._recipe.dependencies
        self._installer.constrain(constraints_from(own, self._recipe.python))
        requirements = installable([*stated, *of_extras, *self._recipe.requirements])
        new = [requirement for requirement in requirements if requirement not in installed]
        await install_requirements(self._installer, new)
        variables = self.built(install_mode).process_variables(self._installer.workspace)
        missing = await find_missing_modules(self._installer, variables)
        missing = [requirement for requirement in missing if requirement not in installed]
        await install_requirements(self._installer, missing)
        await remove_broken_modules(self._installer, [*stated, *missing])
        return [*requirements, *missing]

    async def _finish(
        self, requirements: list[str], install_mode: InstallMode, *, is_new: bool
    ) -> None:
        """Complete a new environment with what all commits need, and cache it.

        One that was cut short is not cached: the next run may get further.
        """
        was_cut_short = not self._installer.time_left
        if is_new:
            await self._complete()
        if self._installer.unreachable or was_cut_short or not self._installer.time_left:
            return
        installation = Installation(
            install_mode=install_mode,
            version=self._installer.version,
            rebuilds=self._rebuilds,
            failure=self._failure,
        )
        cached = CachedEnvironment(requirements=tuple(requirements), installation=installation)
        await self._cache.add(self._installer.workspace, self._key, self._inputs, cached)

    async def _complete(self) -> None:
        if "pytest" in self._recipe.runners:
            await install_pytest(self._installer)
        await mend_own_requirements(self._installer)
        if self._installer.time_left:
            await install_pip(self._installer)
        if self._installer.time_left:
            await self._compile()

    async def _compile(self) -> None:
        """Compile the packages to bytecode; tests could not, since the environment is read-only."""
        packages = str(self._installer.env / "lib")
        await self._installer.run_python(
            "-I", "-m", "compileall", "-qq", "-j", "2", "-x", r"/tests?/", packages
        )


def _minor(python: str) -> int:
    return int(python.split(".")[1])
