"""Build environments of other languages with this machine's tools."""

import asyncio
import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from repository.testing.ecosystems import KEPT
from repository.testing.environment import BuiltEnvironment, EnvironmentFailed
from repository.testing.folders import copy_folder, empty_folders, make_readable
from repository.testing.install.build_task import BuildTask
from repository.testing.install.fetched import FetchedPackages
from repository.testing.install.tool_search import find_tools
from repository.testing.models import BuildStep, Recipe
from repository.testing.run.project_folders import deepest_folder
from repository.testing.toolchain_errors import explain_failure
from sandbox import Network, SandboxCommand

_STEP_SECONDS = 400.0
_ALL_SECONDS = 900.0
"""For the steps of all projects together."""
_MIN_STEP_SECONDS = 5.0
_MAX_OUTPUT_BYTES = 100_000
#: Each tool's cache is a folder below ``KEPT``, so that fetched packages are available without the
#: network.
_CACHE_FOLDERS = {
    "CARGO_HOME": "cargo",
    "GOPATH": "go",
    "GOCACHE": "go-build",
    "npm_config_cache": "npm",
    "GRADLE_USER_HOME": "gradle",
    "YARN_CACHE_FOLDER": "yarn",
    "npm_config_store_dir": "pnpm",
}
_FIXED_VARIABLES = {
    "CI": "1",
    "GOTOOLCHAIN": "local",
    "CARGO_TERM_COLOR": "never",
    # Without full debugging information: it is most of the size of a build, which each run copies.
    "CARGO_PROFILE_DEV_DEBUG": "1",
    "CARGO_INCREMENTAL": "0",
    # A wrapper that the repository configures, such as sccache, is rarely on this machine.
    "RUSTC_WRAPPER": "",
    "CARGO_NET_RETRY": "1",
    "CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS": "fallback",
    "RUST_BACKTRACE": "1",
}
_REMOVE_CACHES = BuildStep(
    command='rm -rf "$KEPT/npm" "$KEPT/yarn" "$KEPT/pnpm"',
    network=False,
)
"""What package managers of JavaScript have installed needs their caches no more. Yarn's has each
package unpacked: removing it can take as long as the installation."""
_PREFIX_FOLDERS = ("bin", "lib", "libexec", "share", "src", "pkg", "conf", "boot")


async def build_with_tools(task: BuildTask) -> BuiltEnvironment:
    """Build ``prepared`` from ``source``, the base commit's files.

    Raises:
        EnvironmentFailed: a tool is missing or a step failed; the message says which.
    """
    found = find_tools(task.recipe.tools, task.recipe.tool_versions, os.environ)
    for tool in found.values():
        if tool.note:
            task.log.note(f"[{tool.note}]")
    tools = {name: tool.path for name, tool in found.items()}
    await empty_folders(task.tools.sandbox, task.workspace, "env", "report")
    await copy_folder(task.tools.sandbox, task.workspace, "source", "tree")
    environment = await _environment(task, tools)
    failures = await _Steps(task, environment).run(FetchedPackages(task, tools.values()))
    await copy_folder(task.tools.sandbox, task.workspace, "tree", "prepared")
    return environment.model_copy(update={"failed_projects": failures})


async def _environment(task: BuildTask, tools: Mapping[str, Path]) -> BuiltEnvironment:
    folders = tuple(dict.fromkeys(path.parent for path in tools.values()))
    readable = _readable_folders(folders)
    variables = _variables(task.workspace, task.recipe)
    variables["M2_HERE"] = ""
    if "mvn" in tools:
        local_repository = await asyncio.to_thread(_share_maven_repository, task.tools.cache)
        if local_repository is not None:
            readable = (*readable, local_repository)
            variables["M2_HERE"] = str(local_repository)
    return BuiltEnvironment(
        recipe=task.recipe,
        interpreter=None,
        install_mode="path",
        tool_folders=folders,
        readable=readable,
        variables=variables,
    )


class _Steps:
    """Runs the steps of a recipe: first those that fetch, then those that build."""

    def __init__(self, task: BuildTask, environment: BuiltEnvironment):
        self._task = task
        self._environment = environment
        self._deadline = time.monotonic() + _ALL_SECONDS
        self._failures: dict[str, str] = {}
        self._has_failed = False
        """Whether any step failed, also one that is not required."""

    async def run(self, packages: FetchedPackages) -> dict[str, str]:
        """Run all steps; return folder -> error of the projects in which one failed.

        Raises:
            EnvironmentFailed: there is no other project.
        """
        log = self._task.log
        steps = self._task.recipe.steps
        with log.phase("fetch packages"):
            is_restored = await packages.restore()
            if not is_restored:
                await self._run_all([step for step in steps if step.network])
                await self._remove_caches()
        to_cache = not is_restored and not self._has_failed
        if to_cache and not packages.has_build_cache:
            await self._cache(packages)
        with log.phase("build"):
            await self._run_all([step for step in steps if not step.network])
        if to_cache and packages.has_build_cache:
            await self._cache(packages)
        return self._failures

    async def _cache(self, packages: FetchedPackages) -> None:
        """Cache the packages; they may be too large for that."""
        log = self._task.log
        with log.phase("cache the packages"):
            try:
                await packages.add()
            except OSError as error:
                log.note(f"[the packages are not cached: {error}]")

    async def _run_all(self, steps: Sequence[BuildStep]) -> None:
        recipe = self._task.recipe
        for step in steps:
            if step.folder in self._failures:
                continue
            try:
                await self._run(step, self._deadline - time.monotonic())
            except EnvironmentFailed as error:
                self._has_failed = True
                if not step.required:
                    continue
                self._failures.update(dict.fromkeys(_projects_of(step, recipe), str(error)))
                if self._failures.keys() >= set(recipe.folders):
                    raise
                self._task.log.note(f"[in {step.folder or 'the root folder'}: {error}]")

    async def _remove_caches(self) -> None:
        """Remove caches that no test needs; if time runs out, the rest is copied with the tree."""
        if not self._task.recipe.node_projects:
            return
        try:
            await self._run(_REMOVE_CACHES, _STEP_SECONDS)
        except EnvironmentFailed as error:
            self._task.log.note(f"[the package managers' caches: {error}]")

    async def _run(self, step: BuildStep, seconds_left: float) -> None:
        await _run_step(self._task, self._environment, step, seconds_left)


def _projects_of(step: BuildStep, recipe: Recipe) -> list[str]:
    """Return the projects that can't be tested without a step.

    The packages of JavaScript get what is installed in them, or else in the nearest folder above
    them, and are built together.
    """
    if not recipe.node_projects:
        return [step.folder]
    if not step.network:
        return list(recipe.folders)
    installed = [other.folder for other in recipe.steps if other.network]
    return [folder for folder in recipe.folders if deepest_folder(installed, folder) == step.folder]


async def _run_step(
    task: BuildTask, environment: BuiltEnvironment, step: BuildStep, seconds_left: float
) -> None:
    variables = environment.process_variables(task.workspace)
    network: Network = "none"
    if step.network:
        variables.update(task.tools.index)
        network = "none" if task.recipe.offline else "install"
    else:
        variables["GOPROXY"] = "off"
    command = SandboxCommand(
        ("/bin/sh", "-c", f'mkdir -p "$KEPT"; {step.command}'),
        cwd=task.workspace / "tree" / step.folder,
        run_folder=task.workspace,
        network=network,
        writable=(task.workspace / "tree",),
        readable=environment.readable,
        environment=variables,
        timeout=max(_MIN_STEP_SECONDS, min(_STEP_SECONDS, seconds_left)),
        output_limit=_MAX_OUTPUT_BYTES,
    )
    result = await task.log.run_logged(
        task.tools.sandbox, command, title=step.title or step.command
    )
    if result.returncode != 0:
        action = "fetching dependencies" if step.network else "building"
        error = explain_failure(result.output)
        if result.timed_out:
            error = f"{result.describe_end()} ({result.seconds:.0f} s)"
        raise EnvironmentFailed(f"{action} for {task.recipe.runner} failed: {error}")


def _share_maven_repository(cache: Path) -> Path | None:
    """Return a copy of this machine's Maven repository that the sandbox can read; made once."""
    original = Path(os.environ.get("HOME", "/")) / ".m2/repository"
    copy = cache / "maven"
    if not copy.is_dir() and original.is_dir():
        new = cache / f"maven.{uuid.uuid4().hex[:8]}"
        shutil.copytree(original, new, symlinks=True)
        make_readable(new)
        with contextlib.suppress(OSError):  # another run was first
            new.rename(copy)
    return copy if copy.is_dir() else None


def _variables(workspace: Path, recipe: Recipe) -> dict[str, str]:
    caches = workspace / "tree" / KEPT
    day_after = datetime.fromtimestamp(recipe.committed_at + 86_400, UTC)
    variables = dict(_FIXED_VARIABLES)
    for name, folder in _CACHE_FOLDERS.items():
        variables[name] = str(caches / folder)
    variables["KEPT"] = str(caches)
    variables["BEFORE"] = f"{day_after:%Y-%m-%d}"
    return variables


def _readable_folders(tool_folders: Iterable[Path]) -> tuple[Path, ...]:
    """Return the folders that tools outside the system's folders read."""
    candidates: list[Path] = []
    for folder in tool_folders:
        if folder.is_relative_to("/usr") or folder == Path("/bin"):
            continue
        prefix = folder.parent if folder.name == "bin" else folder
        candidates += [prefix / name for name in _PREFIX_FOLDERS]
        if (prefix / "bin/go").exists():
            candidates.append(prefix)  # Go reads files beside its folders
    candidates += [*Path("/etc").glob("java-*"), Path("/etc/maven")]
    return tuple(path for path in candidates if path.is_dir())
