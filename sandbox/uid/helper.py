"""The helper of the ``uid`` backend: a root process that forks a supervisor for each session.

It holds no secrets, and uses no capabilities beyond a container's defaults (CHOWN, DAC_OVERRIDE,
FOWNER, KILL, SETUID, SETGID); for the sake of SYS_PTRACE, container runtimes let system calls
through that a monitor makes. It is persistent, so that a session costs a few forks rather than the
start of an interpreter, and always has one session prepared for the next request.
"""

import gc
import os
import select
import signal
import socket
import sys
import traceback
from pathlib import Path

from sandbox import syscalls
from sandbox.syscall_table import syscall_table, this_processor
from sandbox.uid.accounts import ensure_accounts
from sandbox.uid.protocol import READY
from sandbox.uid.runtime import describe_runtime, log, require_threads
from sandbox.uid.session import run_session
from sandbox.uid.users import end_leftovers
from sandbox.user_ids import make_state_folder

_STARTED = b"."
_FAILED = b"!"
_RETRY_MILLISECONDS = 1000
_BACKLOG = 64


def serve(path: Path, *, client: int, lifeline: int | None = None) -> None:
    """Serve sessions on a unix socket until SIGTERM.

    Args:
        path: the socket's path.
        client: the only user id that may request sessions.
        lifeline: the read end of a pipe whose write end closes when the process that started the
            helper exits; the helper then exits, too.

    Raises:
        OSError: this process isn't root, the socket can't be created, no thread can be started,
            or no session can be prepared.
    """
    if os.geteuid() != 0:
        raise PermissionError(
            "the sandbox's helper must be root: it gives each session its own user id"
        )
    started_by_a_worker = lifeline is not None
    if not started_by_a_worker:
        log(describe_runtime())
    require_threads()
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    make_state_folder()
    ensure_accounts()
    end_leftovers()
    syscall_table(this_processor())  # cached here once, rather than read in each session
    helper = _Helper(path, client, lifeline)
    helper.handle_signals()
    sys.stdout.write(READY)
    sys.stdout.flush()
    if not started_by_a_worker:  # which tries its helper itself
        _start_self_check(path, client)
    # Otherwise the garbage collector would write to shared pages after a fork and so copy them.
    gc.freeze()
    helper.run()


class _Helper:
    def __init__(self, path: Path, client: int, lifeline: int | None):
        self._path = path
        self._client = client
        self._lifeline = lifeline
        self._listener = _listen(path, client)
        self._spare: int | None = None
        """The process id of the supervisor that waits for the next request."""
        self._any_started = False
        # Written to by the handler of the signals that stop the helper.
        self._stop_r, self._stop_w = os.pipe()
        # Written to by a spare supervisor: its command runs, or it could not prepare a session.
        self._report_r, self._report_w = os.pipe()
        # Written to by the interpreter on each signal: a child may have ended.
        self._child_r, self._child_w = os.pipe2(os.O_NONBLOCK)
        self._poll = select.poll()
        for descriptor in (self._stop_r, self._report_r, self._child_r):
            self._poll.register(descriptor, select.POLLIN)
        if lifeline is not None:
            self._poll.register(lifeline, select.POLLIN)

    def handle_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: os.write(self._stop_w, b"."))
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._child_w)

    def run(self) -> None:
        self._fork_spare()
        while True:
            ready = self._wait()
            if self._stop_r in ready or self._lifeline in ready:
                self._stop()
                return
            if self._report_r in ready:
                self._read_report()
            if not ready and self._spare is None:
                self._fork_spare()
            if self._child_r in ready:
                self._reap_children()

    def _wait(self) -> set[int]:
        """Wait for ready descriptors; without a spare session, at most until the next retry."""
        timeout = _RETRY_MILLISECONDS if self._spare is None else None
        return {descriptor for descriptor, _ in self._poll.poll(timeout)}

    def _stop(self) -> None:
        if self._spare is not None:
            os.kill(self._spare, signal.SIGKILL)
        self._path.unlink(missing_ok=True)
        if self._lifeline is not None:
            self._path.parent.rmdir()

    def _read_report(self) -> None:
        failed = os.read(self._report_r, 1) == _FAILED
        if failed and not self._any_started:
            raise OSError("no session can be prepared; the reason is above")
        self._any_started = True
        if failed:
            # All user ids may be in use: retry in a second.
            self._spare = None
        else:
            self._fork_spare()

    def _reap_children(self) -> None:
        os.read(self._child_r, 4096)
        if self._spare in _reap():
            self._fork_spare()

    def _fork_spare(self) -> None:
        """Fork a supervisor, which prepares a session before a request arrives."""
        pid = os.fork()
        if pid:
            self._spare = pid
            return
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
            run_session(self._accept, self._client, self._report_start)
        except BaseException:
            traceback.print_exc()
            os.write(self._report_w, _FAILED)
        finally:
            os._exit(0)

    def _accept(self) -> socket.socket:
        """Wait for a worker (in the supervisor, which from then on outlives the helper)."""
        connection, _ = self._listener.accept()
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 0)
        self._listener.close()
        return connection

    def _report_start(self) -> None:
        os.write(self._report_w, _STARTED)


def _start_self_check(path: Path, client: int) -> None:
    """Start the program that logs whether a session works; it ends by itself.

    It loads the worker's side of the protocol, which this process must not.
    """
    program = (sys.executable, "-I", "-m", "sandbox.uid.self_check")
    arguments = (*program, str(path), str(client))
    os.posix_spawn(sys.executable, arguments, {}, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])


def _reap() -> set[int]:
    """Reap supervisors that have ended, and return their process ids.

    They clean up after themselves; if one was killed, another process is forked to do it.
    """
    reaped: set[int] = set()
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return reaped
        if pid == 0:
            return reaped
        reaped.add(pid)
        if os.WIFSIGNALED(status):
            _fork_cleaner()


def _fork_cleaner() -> None:
    if os.fork() == 0:
        try:
            end_leftovers()
        finally:
            os._exit(0)


def _listen(path: Path, client: int) -> socket.socket:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    os.chown(path, client, -1)
    listener.listen(_BACKLOG)
    return listener


if __name__ == "__main__":  # started by a worker on the same machine
    serve(Path(sys.argv[1]), client=os.geteuid(), lifeline=int(sys.argv[2]))
