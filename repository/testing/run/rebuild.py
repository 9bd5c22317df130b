"""Compile a change's sources of extension modules before its tests run."""

from dataclasses import replace
from pathlib import Path

from repository.testing.command_log import CommandLog
from repository.testing.compiled_sources import are_included, compiled_sources
from repository.testing.environment import BuiltEnvironment
from repository.testing.folders import Changes
from sandbox import Sandbox, SandboxCommand

_PROGRAM = Path(__file__).with_name("extension_builder.py")
_MEMORY_MB = 4096


async def rebuild_extensions(
    sandbox: Sandbox,
    workspace: Path,
    environment: BuiltEnvironment,
    changes: Changes,
    command: SandboxCommand,
    log: CommandLog,
) -> tuple[str, ...]:
    """Compile the changed sources in ``tree``; return those that are not compiled.

    ``command`` says what the tests may do; the build may do the same.
    """
    sources = compiled_sources(changes, environment.recipe)
    if not sources or not environment.rebuilds:
        return sources
    python = environment.python(workspace)
    packages = workspace / "tree" / environment.recipe.source_root
    options = ("--force",) if are_included(sources) else ()
    backend = environment.recipe.backend
    argv = (str(python), "-c", _PROGRAM.read_text(), backend, str(packages), *options)
    build = replace(
        command,
        argv=argv,
        cwd=command.cwd / environment.recipe.project,
        memory_mb=_MEMORY_MB,
        environment={**command.environment, **environment.build_variables(workspace)},
    )
    result = await log.run_logged(sandbox, build)
    return () if result.returncode == 0 else sources
