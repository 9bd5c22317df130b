"""Compile a change's sources of extension modules before its tests run."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from repository.testing.command_log import CommandLog
from repository.testing.compiled_sources import are_included, compiled_sources
from repository.testing.environment import BuiltEnvironment
from repository.testing.folders import Changes
from repository.testing.own_imports import with_own_imports
from sandbox import Sandbox, SandboxCommand

_PROGRAM = Path(__file__).with_name("extension_builder.py")
_MEMORY_MB = 4096
_MAX_OUTPUT_CHARS = 4_000


@dataclass(frozen=True)
class Rebuild:
    """The outcome of compiling a change's sources."""

    unbuilt: tuple[str, ...] = ()
    """Changed sources that could not be compiled here, for a reason that is not the change's."""
    errors: str = ""
    """The end of the compiler's output if it found errors in the changed sources."""
    seconds: float = 0.0


async def rebuild_extensions(
    sandbox: Sandbox,
    workspace: Path,
    environment: BuiltEnvironment,
    changes: Changes,
    command: SandboxCommand,
    log: CommandLog,
) -> Rebuild:
    """Compile the changed sources in ``tree``.

    ``command`` says what the tests may do; the build may do the same.
    """
    sources = compiled_sources(changes, environment.recipe)
    if not sources or not environment.rebuilds:
        return Rebuild(unbuilt=sources)
    python = environment.python(workspace)
    packages = workspace / "tree" / environment.recipe.source_root
    options = ("--force",) if are_included(sources) else ()
    backend = environment.recipe.backend
    argv = (
        str(python),
        "-c",
        with_own_imports(_PROGRAM.read_text()),
        backend,
        str(packages),
        *options,
    )
    build = replace(
        command,
        argv=argv,
        cwd=command.cwd / environment.recipe.project,
        memory_mb=_MEMORY_MB,
        environment={**command.environment, **environment.build_variables(workspace)},
    )
    result = await log.run_logged(sandbox, build)
    if result.returncode == 0:
        return Rebuild(seconds=result.seconds)
    if not result.timed_out and names_errors_in(sources, result.output):
        return Rebuild(errors=result.output[-_MAX_OUTPUT_CHARS:], seconds=result.seconds)
    return Rebuild(unbuilt=sources, seconds=result.seconds)


def names_errors_in(sources: Sequence[str], output: str) -> bool:
    """Whether a compiler names a place in one of the sources, or in the C code made from it."""
    for source in sources:
        stem = re.escape(PurePosixPath(source).stem)
        if re.search(rf"\b{stem}\.\w{{1,4}}:\d+:\d+: (?!warning|note)", output):
            return True
    return False
