"""The backend ``none``: no isolation at all, for a person on their own machine who says so."""

import asyncio
import contextlib
import os
import signal
import tempfile
import time

from sandbox import SandboxCommand, SandboxResult
from sandbox.output import drain, launched, plain

#: Seconds that a process which left its session may go on holding the output.
_GRACE = 2.0


class PlainSandbox:
    """Runs commands as they are, with a clean environment, limits and a temporary home. Network and files are open;
    a process that leaves its session escapes the kill."""

    name = "none"

    async def run(self, command: SandboxCommand) -> SandboxResult:
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="home-", ignore_cleanup_errors=True) as home:
            given = {
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "HOME": home,
                "LANG": "C.UTF-8",
                "TMPDIR": home,
            }
            argv = ["/usr/bin/env", *command.argv]  # finds the program on the PATH that was given
            kept = bytearray()
            timed_out = False
            # A pipe of our own: asyncio's wait() would wait for its pipe to close, which a stray
            # process can hold.
            read, write = os.pipe()
            output = asyncio.StreamReader()
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(output), os.fdopen(read, "rb")
            )
            try:
                process = await asyncio.create_subprocess_exec(
                    *launched(argv),
                    cwd=command.cwd,
                    env=given | command.environment,
                    umask=0o022,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=write,
                    stderr=write,
                    start_new_session=True,
                )
            except BaseException:
                transport.close()
                raise
            finally:
                os.close(write)
            reading = asyncio.create_task(drain(output, kept, command))
            try:
                async with asyncio.timeout(command.timeout):
                    await process.wait()
            except TimeoutError:
                timed_out = True
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await asyncio.shield(asyncio.create_task(process.wait()))
                await asyncio.wait([reading], timeout=_GRACE)
                reading.cancel()
                transport.close()
        code = 124 if timed_out or process.returncode is None else process.returncode
        return SandboxResult(
            code, plain(kept, command.output_limit), timed_out, time.monotonic() - started
        )
