"""One session of the ``uid`` backend: a command under its own user id, from the hand-over of its
folders to the final sweep.

The supervisor runs as root, in its own process (see ``helper``). It forks two processes under the
session's user id before any request arrives, since that takes most of the time:

    worker            supervisor                    monitor                     target
      |                    |--- fork ------------------>|                           |
      |                    |--- fork ---------------------------------------------->|
      |                    |                            |     ready_w --> ready_r   |
      |                    |                            |<-- its id, the filter's --| installs the
      |                    |                            |    descriptor             | filter
      |                    |                            |     go_w --> go_r         |
      |                    |                            |--- "g" ------------------>|
      |- request, output ->|                            |                           |
      |                    |   monitor_request_w        |                           |
      |                    |--- request --------------->|                           |
      |                    |   target_request_w         |                           |
      |                    |--- request, output ----------------------------------->| executes the
      |                    |                            |                           | command
      |                    |     alive_w --> alive_r    |     seccomp listener      |
      |                    |<-- "." or a limit ---------|<-- held calls ------------|
      |                    |                            |--- their results -------->|
      |                    |     errors_w --> errors_r  |                           |
      |                    |<-- exceptions -------------+---------------------------|
      |                    | kills, sweeps,
      |                    | hands folders back
      |<------ reply ------|

A pipe's ends are named after what goes through it: one is read from (_r), one written to (_w).
"""

import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from sandbox import KILLED_EXIT_CODE, TIMEOUT_EXIT_CODE, SandboxCommand, syscalls
from sandbox.access_lists import granted
from sandbox.ownership import change_owner
from sandbox.uid.children import fork_child
from sandbox.uid.monitor import MonitorEnds, run_monitor
from sandbox.uid.protocol import SessionReply, receive_request
from sandbox.uid.target import TargetEnds, run_target
from sandbox.uid.users import claim_user_id, end_processes, make_home, remove_files
from sandbox.user_ids import BWRAP_USER_IDS

_MAX_SILENCE_SECONDS = 15.0
"""The monitor counts as stopped if it has written nothing for this long."""
_POLL_SECONDS = 1.0
_UCRED = struct.Struct("=3i")
_TIME_IS_UP = SessionReply(TIMEOUT_EXIT_CODE, "time")
_CANCELLED = SessionReply(KILLED_EXIT_CODE, "cancelled")
_MONITOR_STOPPED = SessionReply(KILLED_EXIT_CODE, "its monitor was stopped")


def run_session(
    accept: Callable[[], socket.socket], client: int, on_start: Callable[[], None]
) -> None:
    """Prepare a session, accept a connection, run the command, clean up after it, then reply.

    Args:
        accept: waits for the worker's connection.
        client: the user id that may request sessions.
        on_start: called once the command runs, so that the next session can be prepared.
    """
    # Processes that the command leaves behind become our children.
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    session = Session()
    with accept() as connection:
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        pid, user, group = _UCRED.unpack(credentials)
        try:
            if user == client:
                reply = session.run(connection, (user, group), on_start)
            else:
                reply = SessionReply(error=f"process {pid} of user {user} may not ask")
        except Exception as error:  # any failure: the worker must learn of it
            reply = SessionReply(error=f"{type(error).__name__}: {error}")
        with contextlib.suppress(OSError):  # the worker may be gone
            connection.sendall(reply.encode())


class Session:
    """The supervisor's part of a session, prepared before its request is known."""

    def __init__(self) -> None:
        self._uid = claim_user_id()
        make_home(self._uid)
        ready_r, ready_w = os.pipe()
        go_r, go_w = os.pipe()
        self._alive_r, alive_w = os.pipe2(os.O_NONBLOCK)
        self._errors_r, errors_w = os.pipe2(os.O_NONBLOCK)
        self._monitor_request_w, monitor_request_r = socket.socketpair()
        self._target_request_w, target_request_r = socket.socketpair()

        monitor_ends = MonitorEnds(monitor_request_r, ready_r, go_w, alive_w)
        target_ends = TargetEnds(target_request_r, ready_w, go_r)
        self._monitor = fork_child(
            lambda: run_monitor(self._uid, monitor_ends),
            monitor_ends.descriptors(),
            errors_w,
        )
        self._target = fork_child(
            lambda: run_target(self._uid, self._monitor, target_ends),
            target_ends.descriptors(),
            errors_w,
        )
        for descriptor in (ready_r, ready_w, go_r, go_w, alive_w, errors_w):
            os.close(descriptor)
        monitor_request_r.close()
        target_request_r.close()

    def run(
        self, connection: socket.socket, client: tuple[int, int], on_start: Callable[[], None]
    ) -> SessionReply:
        """Receive the request and run its command.

        Args:
            connection: the worker's.
            client: the worker's user and group.
            on_start: called once the command runs.

        Raises:
            OSError: the session could not be set up.
        """
        request, output = receive_request(connection)
        with ExitStack() as stack:
            self._open_paths(request.command, client, stack)
            stack.callback(end_processes, self._uid)
            self._pass_on(request.encode(), output)
            on_start()
            reply = self._wait(request.command.timeout, connection)
            self._kill_monitor()
        self._raise_errors()
        return reply

    def _open_paths(
        self, command: SandboxCommand, client: tuple[int, int], stack: ExitStack
    ) -> None:
        """Give the session access to its paths; ``stack`` revokes it, in reverse order."""
        uid = self._uid
        folders = [_lock_folder(path, client[0], stack) for path in sorted(set(command.writable))]
        for folder in folders:
            change_owner(folder, {client[0], *BWRAP_USER_IDS}, (uid, uid))
            stack.callback(change_owner, folder, (uid,), client, returning=True)
        # Runs before the folders are handed back: hard links to their files elsewhere must be gone.
        stack.callback(remove_files, uid, folders)
        stack.enter_context(granted(uid, [command.cwd, *command.readable, *command.writable]))

    def _pass_on(self, request: bytes, output: int) -> None:
        self._monitor_request_w.sendall(request)
        self._monitor_request_w.close()
        socket.send_fds(self._target_request_w, [b"o"], [output])
        self._target_request_w.sendall(request)
        self._target_request_w.close()
        os.close(output)

    def _wait(self, timeout: float, client: socket.socket) -> SessionReply:
        """Wait until the command ends, its time is up, or the monitor or the worker ends it."""
        deadline = time.monotonic() + timeout
        last_sign_of_life = time.monotonic()
        target_ended = os.pidfd_open(self._target)
        monitor_ended = os.pidfd_open(self._monitor)
        poll = select.poll()
        for descriptor in (target_ended, monitor_ended, self._alive_r, client.fileno()):
            poll.register(descriptor, select.POLLIN)
        while True:
            now = time.monotonic()
            seconds = min(max(0.0, deadline - now), _POLL_SECONDS)
            ready = {descriptor for descriptor, _ in poll.poll(seconds * 1000 + 1)}
            if target_ended in ready:
                return SessionReply(_exit_code(self._target))
            if now >= deadline:
                return _TIME_IS_UP
            if client.fileno() in ready:
                return _CANCELLED
            if self._alive_r in ready:
                last_sign_of_life = now
                exceeded = self._read_exceeded()
                if exceeded is not None:
                    return SessionReply(KILLED_EXIT_CODE, exceeded)
            if now - last_sign_of_life > _MAX_SILENCE_SECONDS or self._monitor_stopped():
                return _MONITOR_STOPPED

    def _read_exceeded(self) -> str | None:
        """Return the limit that the monitor reports as exceeded; a dot means that none is."""
        words = os.read(self._alive_r, 4096).decode().strip(".").split()
        return words[0] if words else None

    def _monitor_stopped(self) -> bool:
        pid, _ = os.waitpid(self._monitor, os.WNOHANG | os.WUNTRACED)
        return pid != 0

    def _kill_monitor(self) -> None:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self._monitor, signal.SIGKILL)
            os.waitpid(self._monitor, 0)

    def _raise_errors(self) -> None:
        """Raise OSError if the monitor or the target failed before the command started."""
        with contextlib.suppress(BlockingIOError):
            errors = os.read(self._errors_r, 4096)
            if errors:
                raise OSError(errors.decode(errors="replace").strip())


def _exit_code(pid: int) -> int:
    """Reap a process; return its exit code, which is a shell's code if a signal killed it."""
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _lock_folder(path: Path, client: int, stack: ExitStack) -> int:
    """Open a folder that the worker may hand over, and lock it for this session."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    stack.callback(os.close, folder)
    if client not in (0, os.fstat(folder).st_uid):
        raise PermissionError(f"{path} does not belong to the worker, which can't hand it over")
    fcntl.flock(folder, fcntl.LOCK_EX)
    return folder
