"""Run programs for a workspace inside the sandbox, while its folders are in place."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from repository.testing.environment import BuiltEnvironment
from repository.testing.install.interpreters import interpreter_folders
from repository.workspace.folders import WorkspaceFolders
from repository.workspace.scripts import read_script
from sandbox import Sandbox, SandboxCommand, SandboxResult

MAX_COMMAND_BYTES = 100_000
"""The kernel accepts an argument of 128 KiB (MAX_ARG_STRLEN in execve(2))."""

_INTERPRETER = Path(sys.executable).resolve()
_OWN_SECONDS = 60.0
"""Time limit of the workspace's own shell programs, in seconds."""
_RECORD_SECONDS = 600.0
"""Time limit of its programs that read or write all files, in seconds."""
_KEPT_OUTPUT = 4_000
_NO_PROMPTS = {
    "DEBIAN_FRONTEND": "noninteractive",
    "GIT_TERMINAL_PROMPT": "0",
    "PIP_NO_INPUT": "1",
}
_PLAIN_OUTPUT = {
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "MANPAGER": "cat",
    "NO_COLOR": "1",
    "TERM": "dumb",
    "PIP_PROGRESS_BAR": "off",
    "PYTHONUNBUFFERED": "1",
}
_NO_NETWORK = {
    "PIP_RETRIES": "0",
    "PIP_DEFAULT_TIMEOUT": "3",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}
_VARIABLES = {**_NO_PROMPTS, **_PLAIN_OUTPUT, **_NO_NETWORK}
_GIT_VARIABLES = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}

OnOutput = Callable[[bytes], None]


@dataclass(frozen=True)
class SandboxExecutor:
    """Runs programs in the sandbox with the rights of a model's commands, or with fewer."""

    sandbox: Sandbox
    folders: WorkspaceFolders
    environment: BuiltEnvironment | None
    """None if no environment was built for the repository."""

    def variables(self) -> dict[str, str]:
        """Return the variables of a model's commands."""
        variables: dict[str, str] = {}
        if self.environment is not None:
            variables.update(self.environment.process_variables(self.folders.run))
        variables.update(_VARIABLES)
        return variables

    def model_command(
        self, argv: tuple[str, ...], *, seconds: float, report: Path | None = None
    ) -> SandboxCommand:
        """Return a command with a model's rights; it may also write to the folder ``report``."""
        extra = () if report is None else (report,)
        return SandboxCommand(
            argv,
            cwd=self.folders.tree,
            run_folder=self.folders.run,
            writable=(*self.folders.writable, *extra),
            readable=self._tools(),
            home=self.folders.home,
            temporary=self.folders.temporary,
            environment=self.variables(),
            timeout=seconds,
        )

    async def run_command(
        self, command: str, *, seconds: float, on_output: OnOutput
    ) -> SandboxResult:
        """Run a model's command."""
        line = self.model_command(("/bin/bash", "-c", command), seconds=seconds)
        return await self.sandbox.run(replace(line, output_limit=_KEPT_OUTPUT, on_output=on_output))

    async def read_with(
        self, script: str, *arguments: str | Path, on_output: OnOutput
    ) -> SandboxResult:
        """Run a shell program that sees what a model's command sees, but may only read the tree."""
        home = (self.folders.home, self.folders.temporary)
        command = self._own_command(
            _shell_line(script, arguments),
            writable=home,
            readable=(self.folders.tree, self.folders.env),
        )
        return await self.sandbox.run(replace(self._at_home(command), on_output=on_output))

    async def write_with(
        self, script: str, *arguments: str | Path, readable: tuple[Path, ...]
    ) -> SandboxResult:
        """Run a shell program that may write what a model's command may."""
        command = self._own_command(
            _shell_line(script, arguments), writable=self.folders.writable, readable=readable
        )
        return await self.sandbox.run(self._at_home(command))

    async def run_shell(
        self,
        script: str,
        *arguments: str | Path,
        writable: tuple[Path, ...],
        readable: tuple[Path, ...],
        on_output: OnOutput | None = None,
    ) -> SandboxResult:
        """Run a shell program of the workspace's own in the tree."""
        command = self._own_command(_shell_line(script, arguments), writable, readable)
        return await self.sandbox.run(replace(command, on_output=on_output))

    async def run_python(
        self,
        script: str,
        *arguments: str | Path,
        writable: tuple[Path, ...],
        readable: tuple[Path, ...],
    ) -> SandboxResult:
        """Run a Python program of the workspace's own with this process's Python."""
        words = [str(argument) for argument in arguments]
        argv = (str(_INTERPRETER), "-I", "-S", "-B", "-c", read_script(script), *words)
        readable = (*readable, *interpreter_folders(_INTERPRETER))
        command = self._own_command(argv, writable, readable)
        return await self.sandbox.run(replace(command, timeout=_RECORD_SECONDS))

    def _own_command(
        self, argv: tuple[str, ...], writable: tuple[Path, ...], readable: tuple[Path, ...]
    ) -> SandboxCommand:
        return SandboxCommand(
            argv,
            cwd=self.folders.tree,
            run_folder=self.folders.run,
            writable=writable,
            readable=readable,
            environment=_GIT_VARIABLES,
            timeout=_OWN_SECONDS,
            output_limit=_KEPT_OUTPUT,
        )

    def _at_home(self, command: SandboxCommand) -> SandboxCommand:
        return replace(command, home=self.folders.home, temporary=self.folders.temporary)

    def _tools(self) -> tuple[Path, ...]:
        return () if self.environment is None else self.environment.readable


def _shell_line(script: str, arguments: Sequence[str | Path]) -> tuple[str, ...]:
    words = [str(argument) for argument in arguments]
    return ("/bin/sh", "-c", read_script(script), script, *words)
