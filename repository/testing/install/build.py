"""Build a commit's test environment in a workspace, by what its recipe says."""

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from repository.git import Mirror
from repository.testing.environment import BuiltEnvironment, EnvironmentFailed
from repository.testing.folders import make_readable
from repository.testing.install import toolchains
from repository.testing.install.environment import Builder
from repository.testing.install.installer import DatedInstaller
from repository.testing.install.interpreters import find_interpreters
from repository.testing.models import Recipe
from sandbox import Sandbox


@dataclass(frozen=True)
class BuildTools:
    """What this machine builds environments with."""

    sandbox: Sandbox
    pythons: tuple[Path, ...]
    """Folders with interpreters."""
    uv: Path
    cache: Path
    """A folder for uv's caches, one a repository."""
    index: Mapping[str, str]
    """The package index, as environment variables of uv."""
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""


async def build_environment(
    tools: BuildTools, mirror: Mirror, recipe: Recipe, workspace: Path, log: list[str]
) -> None:
    """Make the environment and the tree in ``workspace``; each try is appended to ``log``.

    Raises:
        EnvironmentFailed: The tests can't be run here.
    """
    BuiltEnvironment.remove(workspace)
    source = workspace / "source"
    await asyncio.to_thread(_export, mirror, recipe.base_sha, source)
    if recipe.tools:
        await toolchains.build(tools.sandbox, workspace, recipe, tools.index, log, tools.cache)
    else:
        await Builder(_installer(tools, recipe, workspace, log)).build()
    await asyncio.to_thread(shutil.rmtree, source)


def _installer(
    tools: BuildTools, recipe: Recipe, workspace: Path, log: list[str]
) -> DatedInstaller:
    minor = int(recipe.python.split(".")[1])
    interpreter = find_interpreters(tools.pythons).get(minor)
    if interpreter is None:
        raise EnvironmentFailed(f"this machine has no Python {recipe.python}")
    index = dict(tools.index)
    if recipe.offline:
        index["UV_OFFLINE"] = "1"
    return DatedInstaller(
        sandbox=tools.sandbox,
        workspace=workspace,
        recipe=recipe,
        interpreter=interpreter,
        uv=tools.uv.resolve(),
        cache=tools.cache,
        index=index,
        now=tools.clock(),
        log=log,
    )


def _export(mirror: Mirror, sha: str, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    mirror.export(sha, folder)
    make_readable(folder)
