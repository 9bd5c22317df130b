"""The backend ``none``: no isolation at all, for users who ask for it on their own machine."""

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from pathlib import Path

from sandbox import TIMEOUT_EXIT_CODE, SandboxCommand, SandboxResult
from sandbox.environment import base_environment
from sandbox.limits import UMASK, limited_command
from sandbox.output import OutputCapture, capture_output

_GRACE_SECONDS = 2.0
"""How long to wait for a process that left its session to close the output."""


class UnconfinedSandbox:
    """Runs commands without isolation, but with a clean environment, limits and a temporary home.

    Network and files are accessible; a process that leaves its session is not killed.
    """

    name = "none"

    def path_inside(self, run_folder: Path) -> Path:
        return run_folder

    async def run(self, command: SandboxCommand) -> SandboxResult:
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="home-", ignore_cleanup_errors=True) as home:
            async with capture_output(command) as output:
                process = await _start(command, Path(home), output)
                timed_out = await _wait(process, command, output)
        exit_code = process.returncode
        if timed_out or exit_code is None:
            exit_code = TIMEOUT_EXIT_CODE
        seconds = time.monotonic() - started
        return SandboxResult(exit_code, output.text(), timed_out, seconds)


async def _start(
    command: SandboxCommand, own_home: Path, output: OutputCapture
) -> asyncio.subprocess.Process:
    variables = base_environment(command.home or own_home, command.temporary or own_home)
    # env looks the program up in the PATH of the command's environment.
    argv = limited_command(["/usr/bin/env", *command.argv])
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            cwd=command.cwd,
            env={**variables, **command.environment},
            umask=UMASK,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output.write_fd,
            stderr=output.write_fd,
            start_new_session=True,
        )
    finally:
        output.close_writer()


async def _wait(
    process: asyncio.subprocess.Process, command: SandboxCommand, output: OutputCapture
) -> bool:
    """Wait for the process, then kill its session; return whether it ran out of time."""
    timed_out = False
    try:
        async with asyncio.timeout(command.timeout):
            await process.wait()
    except TimeoutError:
        timed_out = True
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(asyncio.create_task(process.wait()))
        await asyncio.wait([output.reading], timeout=_GRACE_SECONDS)
    return timed_out
