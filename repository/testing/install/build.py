"""Build the environment of a recipe."""

import asyncio
import shutil
from pathlib import Path

from repository.git import Mirror
from repository.testing.command_log import CommandLog
from repository.testing.environment import BuiltEnvironment
from repository.testing.folders import make_readable
from repository.testing.install.build_inputs import build_inputs
from repository.testing.install.build_task import BUILD_SECONDS, BuildTask
from repository.testing.install.environment import build_python_environment
from repository.testing.install.fetched import fetch_inputs
from repository.testing.install.toolchains import build_with_tools
from repository.testing.install.tools import BuildTools
from repository.testing.models import Recipe


async def build_environment(
    tools: BuildTools,
    mirror: Mirror,
    recipe: Recipe,
    workspace: Path,
    log: CommandLog,
    seconds: float = BUILD_SECONDS,
) -> None:
    """Build the environment and the tree of a recipe in ``workspace``; ``log`` gets all commands.

    ``seconds`` limits the time of a Python environment's installations.

    Raises:
        EnvironmentFailed: no environment in which the tests can run could be built.
    """
    BuiltEnvironment.remove(workspace)
    source = workspace / "source"
    await asyncio.to_thread(_export, mirror, recipe.base_sha, source)
    entries = await asyncio.to_thread(mirror.files, recipe.base_sha)
    if recipe.tools:
        build = build_with_tools
        inputs = fetch_inputs(entries, recipe, source)
    else:
        build = build_python_environment
        inputs = build_inputs(entries, recipe)
    environment = await build(BuildTask(tools, workspace, recipe, log, seconds, inputs))
    environment.write(workspace)
    await asyncio.to_thread(shutil.rmtree, source)


def _export(mirror: Mirror, sha: str, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    mirror.export(sha, folder)
    make_readable(folder)
