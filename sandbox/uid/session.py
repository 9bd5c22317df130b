"""One session of the ``uid`` backend: a command under its own user id, from the hand-over of its
folders to the final sweep.

The supervisor runs as root, in its own process (see ``helper``). It forks two processes under the
session's user id before any request arrives, since that takes most of the time:

    worker            supervisor                    monitor                     target
      |                    |--- fork ------------------>|                           |
      |                    |--- fork ---------------------------------------------->|
      |                    |                            |                           | installs the
      |                    |                            |  listener_r <- listener_w | filter
      |                    |                            |<-- the filter's listener -|
      |- request, output ->|                            |                           |
      |                    |   monitor_request_w        |                           |
      |                    |--- request --------------->|                           |
      |                    |   target_request_w         |                           |
      |                    |--- request, output ----------------------------------->| executes the
      |                    |                            |                           | command
      |                    |    report_r <-- report_w   |     seccomp listener      |
      |                    |<-- monitor_reports --------|<-- held calls ------------|
      |                    |                            |--- their results -------->|
      |                    |    errors_r <-- errors_w   |                           |
      |                    |<-- exceptions -------------+---------------------------|
      |                    | kills, sweeps,
      |                    | hands folders back
      |<------ reply ------|

A pipe's ends are named after what goes through it: one is read from (_r), one written to (_w).
The supervisor learns that a child has ended or was stopped from SIGCHLD: container runtimes filter
pidfd_open().
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
from dataclasses import replace
from pathlib import Path

from sandbox import KILLED_EXIT_CODE, TIMEOUT_EXIT_CODE, SandboxCommand, syscalls
from sandbox.access_lists import granted
from sandbox.ownership import change_owner
from sandbox.uid.children import fork_child
from sandbox.uid.monitor import MonitorEnds, run_monitor
from sandbox.uid.monitor_reports import read_reports
from sandbox.uid.protocol import SessionReply, receive_request
from sandbox.uid.target import TargetEnds, run_target
from sandbox.uid.users import claim_user_id, end_processes, make_home, remove_files
from sandbox.user_ids import BWRAP_USER_IDS

_MAX_SILENCE_SECONDS = 15.0
"""The monitor counts as stopped if it has written nothing for this long."""
_POLL_SECONDS = 1.0
_MANY_SIGNALS = 4096
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
        self._refused: str | None = None
        make_home(self._uid)
        self._child_r = _watch_children()
        self._report_r, report_w = os.pipe2(os.O_NONBLOCK)
        self._errors_r, errors_w = os.pipe2(os.O_NONBLOCK)
        self._monitor_request_w, monitor_request_r = socket.socketpair()
        self._target_request_w, target_request_r = socket.socketpair()
        listener_r, listener_w = socket.socketpair()

        monitor_ends = MonitorEnds(monitor_request_r, listener_r, report_w)
        target_ends = TargetEnds(target_request_r, listener_w)
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
        for descriptor in (report_w, errors_w):
            os.close(descriptor)
        for end in (monitor_request_r, target_request_r, listener_r, listener_w):
            end.close()

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
        refused = self._refused or read_reports(self._report_r).refused
        return replace(reply, refused=refused)

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
        poll = select.poll()
        for descriptor in (self._child_r, self._report_r, client.fileno()):
            poll.register(descriptor, select.POLLIN)
        while True:
            now = time.monotonic()
            seconds = min(max(0.0, deadline - now), _POLL_SECONDS)
            ready = {descriptor for descriptor, _ in poll.poll(seconds * 1000 + 1)}
            if self._child_r in ready:
                os.read(self._child_r, _MANY_SIGNALS)
                exit_code = _reap_ended(self._target)
                if exit_code is not None:
                    return SessionReply(exit_code)
            if now >= deadline:
                return _TIME_IS_UP
            if client.fileno() in ready:
                return _CANCELLED
            if self._report_r in ready:
                last_sign_of_life = now
                exceeded = self._read_exceeded()
                if exceeded is not None:
                    return SessionReply(KILLED_EXIT_CODE, exceeded)
            if now - last_sign_of_life > _MAX_SILENCE_SECONDS or self._monitor_stopped():
                return _MONITOR_STOPPED

    def _read_exceeded(self) -> str | None:
        """Return the limit that the monitor reports as exceeded, and note what it may not do."""
        reports = read_reports(self._report_r)
        self._refused = self._refused or reports.refused
        return reports.exceeded

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


def _watch_children() -> int:
    """Return a pipe that becomes readable when a child ends or is stopped."""
    child_r, child_w = os.pipe2(os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(child_w, warn_on_full_buffer=False)
    return child_r


def _reap_ended(pid: int) -> int | None:
    """Return the exit code of a child, which is a shell's code if a signal killed it.

    Return None if it has not ended.
    """
    ended, status = os.waitpid(pid, os.WNOHANG)
    if not ended:
        return None
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
