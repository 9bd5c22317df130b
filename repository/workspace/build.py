"""Build a workspace from the base commit and the environment that was built for it."""

import asyncio
from pathlib import Path

from repository.testing.environment import BuiltEnvironment
from repository.testing.folders import copy_folder, empty_folders, make_readable
from repository.workspace.executor import SandboxExecutor
from repository.workspace.failures import explain_failure
from repository.workspace.models import History, WorkspaceSource
from repository.workspace.repository_seed import write_seed
from repository.workspace.snapshots import record_files
from sandbox import SandboxResult


def find_environment(folder: Path, source: WorkspaceSource) -> BuiltEnvironment | None:
    """Return the environment that was built in the run's folder for the source's recipe."""
    environment = BuiltEnvironment.read(folder)
    if environment is None or source.recipe is None or not environment.serves(source.recipe):
        return None
    return environment


async def build_workspace(executor: SandboxExecutor, source: WorkspaceSource) -> History:
    """Build the workspace from scratch; return how much history its repository has.

    Raises:
        OSError: the sandbox or the disk refused; the run can be tried again.
    """
    folders = executor.folders
    folders.create()
    history = await asyncio.to_thread(
        write_seed,
        source.mirror,
        source.base_sha,
        folders.seed,
        owner_changes=executor.sandbox.name == "uid",
    )
    files = "prepared"
    if executor.environment is None:
        files = "seed/files"
        await asyncio.to_thread(_export, source, folders.seed / "files")
    await _copy_files(executor, files)
    with folders.in_place():
        await _add_repository(executor, source)
        await _add_python(executor)
        await record_files(executor)
    return history


def _export(source: WorkspaceSource, folder: Path) -> None:
    source.mirror.export(source.base_sha, folder)
    make_readable(folder)


async def _copy_files(executor: SandboxExecutor, files: str) -> None:
    run = executor.folders.run
    sandbox = executor.sandbox
    await copy_folder(sandbox, run, files, "aside/tree")
    if executor.environment is not None:
        await copy_folder(sandbox, run, "env", "aside/env")
    await empty_folders(sandbox, run, "home", "tmp", "records/base", "records/snapshots")


async def _add_repository(executor: SandboxExecutor, source: WorkspaceSource) -> None:
    folders = executor.folders
    seconds = await asyncio.to_thread(source.mirror.commit_time, source.base_sha)
    result = await executor.run_shell(
        "add_repository.sh",
        folders.seed,
        folders.base_record,
        str(seconds),
        writable=(folders.tree, folders.base_record),
        readable=(folders.seed,),
    )
    _require_success(result, "repository")


async def _add_python(executor: SandboxExecutor) -> None:
    """Make ``python`` and ``python3`` the interpreter of tests that need no environment."""
    environment = executor.environment
    if environment is None or environment.recipe.needs_environment:
        return
    if environment.interpreter is None:
        return
    env = executor.folders.env
    result = await executor.run_shell(
        "link_python.sh",
        env,
        environment.interpreter,
        writable=(env,),
        readable=(executor.folders.tree,),
    )
    _require_success(result, "Python")


def _require_success(result: SandboxResult, part: str) -> None:
    if result.returncode != 0:
        raise OSError(f"the workspace's {part} can't be set up: {explain_failure(result)}")
