"""A running bubblewrap process, from its start until none of its processes is left.

this process                      bubblewrap                     init of the pid namespace
    |                                 |                                     |
    |   status_w --> status_r         |                                     |
    | <------------- child-pid -------| ------------- starts -------------> | (waits)
    |   start_w --> start_r           |                                     |
    | ------------------------------- one byte ---------------------------> | starts the command
    | <------------- exit-code -------| <------------- ends --------------- |
"""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from sandbox import KILLED_EXIT_CODE, TIMEOUT_EXIT_CODE, SandboxCommand, SandboxResult
from sandbox.bwrap.options import in_memory_folders
from sandbox.limits import WATCH_SECONDS
from sandbox.output import OutputCapture, limit_message
from sandbox.usage import Exceeded, Watch, WatchedSession

_STATUS_BYTES = 4096
# bubblewrap writes its status in pieces, and only the first is sure to arrive whole, so it can't be
# parsed as JSON.
_CHILD_PID = re.compile(rb'"child-pid": (\d+)')
_EXIT_CODE = b'"exit-code"'


@dataclass(frozen=True)
class SessionEnds:
    """The worker's ends of the two pipes."""

    status_r: int
    start_w: int


class BubblewrapSession:
    def __init__(
        self,
        command: SandboxCommand,
        process: "subprocess.Popen[bytes]",
        output: OutputCapture,
        ends: SessionEnds,
        uid: int,
    ):
        """``process`` is bubblewrap's: it leads a process group, and nothing else reaps it.

        Raises:
            OSError: this process has too many open files; bubblewrap has been killed.
        """
        self._command = command
        self._process = process
        try:
            self._pidfd = os.pidfd_open(process.pid)
        except OSError:
            _kill_group(process)
            process.wait()
            raise
        self._output = output
        self._ends = ends
        self._uid = uid
        self._status = b""
        self._init: int | None = None
        self._init_pidfd: int | None = None
        self._end_reason: Exceeded | Literal["time"] | None = None

    async def wait_for_init(self) -> int | None:
        """Return the process id of the namespace's init, which waits to start the command.

        Return None if bubblewrap failed before starting it.
        """
        await _wait_until_readable(self._ends.status_r)
        self._status = os.read(self._ends.status_r, _STATUS_BYTES)
        match = _CHILD_PID.search(self._status)
        if match is None:
            return None
        self._init = int(match[1])
        self._init_pidfd = _open_pidfd(self._init)
        return self._init

    def start_command(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has failed already
            os.write(self._ends.start_w, b".")

    async def wait(self) -> None:
        """Wait until the command ends or exceeds a limit."""
        reading = self._output.reading
        watching = asyncio.create_task(self._watch())
        try:
            done, _ = await asyncio.wait({reading, watching}, return_when=asyncio.FIRST_COMPLETED)
            if reading in done:
                await _wait_until_readable(self._pidfd)
            else:
                self._end_reason = watching.result()
        finally:
            watching.cancel()

    async def _watch(self) -> Exceeded | None:
        """Return the limit that was exceeded; None if the command ended first."""
        try:
            watch = Watch(self._watched(), self._command)
            while True:
                await asyncio.sleep(WATCH_SECONDS)
                exceeded = await asyncio.to_thread(watch.exceeded)
                if exceeded is not None:
                    return exceeded
        except FileNotFoundError:
            await asyncio.wait({self._output.reading})
            return None

    def _watched(self) -> WatchedSession:
        """Describe the session for the watch; raise FileNotFoundError if it has ended already."""
        namespace = _pid_namespace(self._init)
        root = f"/proc/{self._init}/root"
        return WatchedSession(
            uid=self._uid,
            contains=lambda pid, _status: _pid_namespace(pid) == namespace,
            folders=self._command.writable,
            files_in_memory=_measure_in_memory(root, in_memory_folders(self._command)),
        )

    def time_is_up(self) -> None:
        self._end_reason = "time"

    async def kill(self) -> None:
        """Kill all remaining processes.

        Killing the namespace's init kills them all, and it is gone only once they are. While its id
        is not known, it is in bubblewrap's process group, since it has not started the command;
        --die-with-parent does not apply so early
        (https://github.com/containers/bubblewrap/issues/633).
        """
        pidfds = [self._pidfd]
        if self._init_pidfd is not None:
            pidfds.append(self._init_pidfd)
            _send_kill(self._init_pidfd)
        _kill_group(self._process)
        try:
            for pidfd in pidfds:
                await _wait_until_readable(pidfd)
        finally:
            self._process.wait()
            for pidfd in pidfds:
                os.close(pidfd)

    async def result(self, started: float) -> SandboxResult:
        """Return the result of the session, after ``kill``.

        Raises:
            OSError: the command was never started.
        """
        await self._output.reading
        self._read_status_to_end()
        output = self._output.text()
        if self._end_reason is None and _EXIT_CODE not in self._status:
            raise OSError(f"the sandbox could not be set up: {output.strip()[-500:]}")
        return SandboxResult(
            returncode=self._exit_code(),
            output=output + limit_message(self._end_reason, self._command),
            timed_out=self._end_reason == "time",
            seconds=time.monotonic() - started,
            exceeded=self._end_reason if self._end_reason != "time" else None,
        )

    def _read_status_to_end(self) -> None:
        while part := os.read(self._ends.status_r, _STATUS_BYTES):
            self._status += part

    def _exit_code(self) -> int:
        if self._end_reason == "time":
            return TIMEOUT_EXIT_CODE
        if self._end_reason is not None:
            return KILLED_EXIT_CODE
        return self._process.returncode


def _open_pidfd(pid: int) -> int | None:
    """Return a descriptor of a process; None if it has ended."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _send_kill(pidfd: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def _kill_group(leader: "subprocess.Popen[bytes]") -> None:
    """Kill a process that has not been reaped, so that its id is not another's, and its group."""
    os.killpg(leader.pid, signal.SIGKILL)


def _pid_namespace(pid: int | None) -> str:
    return os.readlink(f"/proc/{pid}/ns/pid")  # noqa: PTH115 - called often, for each process


def _measure_in_memory(root: str, folders: Sequence[str]) -> Callable[[], int]:
    """Return a function that measures the files in a sandbox's own file systems, in bytes."""

    def measure() -> int:
        total = 0
        for path in folders:
            status = os.statvfs(root + path)
            total += (status.f_blocks - status.f_bfree) * status.f_frsize
        return total

    return measure


async def _wait_until_readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
