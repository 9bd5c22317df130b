"""The helper of the ``uid`` backend: a root process that forks a session for each request of the
worker's.

It holds no secrets, and needs no capability beyond a container's default ones (CHOWN, DAC_OVERRIDE,
FOWNER, KILL, SETUID, SETGID). Persistent, so that a session costs forks and not the start of an
interpreter."""

import fcntl
import gc
import os
import select
import signal
import socket
import sys
import traceback
from pathlib import Path

from sandbox import syscalls as linux
from sandbox.uid import session
from sandbox.uid.session import HOMES, UIDS, home_of


def serve(path: Path, *, client: int, lifeline: int | None = None) -> None:
    """Serve on a unix socket, to one user id alone, until SIGTERM, or until ``lifeline`` is closed by who started it;
    says *ready* on standard output once it listens.

    Raises:
        OSError: it isn't root, or the socket can't be made.
    """
    if os.geteuid() != 0:
        raise PermissionError(
            "the sandbox's helper must be root: it gives each session a user id of its own"
        )
    linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    HOMES.mkdir(mode=0o711, parents=True, exist_ok=True)
    ensure_accounts()
    session.end_leftovers()
    listener = _listening(path, client)
    stop, stopped = os.pipe()
    taken, takes = os.pipe()
    woken, wakes = os.pipe2(os.O_NONBLOCK)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(stopped, b"."))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes)
    poll = select.poll()
    for descriptor in (taken, woken, stop, *((lifeline,) if lifeline is not None else ())):
        poll.register(descriptor, select.POLLIN)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    gc.freeze()  # so that a forked session does not copy pages only to look at them
    spare = _forked(listener, client, takes)
    served = False
    while True:
        ready = {descriptor for descriptor, _ in poll.poll(None if spare else 1000)}
        if ready & {stop, lifeline}:
            if spare:
                os.kill(spare, signal.SIGKILL)
            path.unlink(missing_ok=True)
            if lifeline is not None:
                path.parent.rmdir()
            return
        if taken in ready:
            failed = os.read(taken, 1) == b"!"
            if failed and not served:
                raise OSError("no session can be prepared; the reason is above")
            # All user ids may be in use: it is tried again in a second.
            spare = 0 if failed else _forked(listener, client, takes)
            served = True
        if not ready and not spare:
            spare = _forked(listener, client, takes)
        if woken in ready:
            os.read(woken, 4096)
            if spare in _reaped():
                spare = _forked(listener, client, takes)


def _forked(listener: socket.socket, client: int, takes: int) -> int:
    """A process that waits for the next request: prepared before it comes, since that takes most of a session's
    time."""
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        session.run(lambda: _accepted(listener), client, lambda: _tell(takes, b"."))
    except BaseException:
        traceback.print_exc()
        _tell(takes, b"!")
    finally:
        os._exit(0)


def _accepted(listener: socket.socket) -> socket.socket:
    connection, _ = listener.accept()
    linux.prctl(linux.PR_SET_PDEATHSIG, 0)
    listener.close()
    return connection


def _tell(descriptor: int, word: bytes) -> None:
    os.write(descriptor, word)


def _reaped() -> set[int]:
    """Sessions end by themselves and clean up; after one that was killed, another process does."""
    reaped = set()
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            reaped.add(ended[0])
            if os.WIFSIGNALED(ended[1]) and os.fork() == 0:
                try:
                    session.end_leftovers()
                finally:
                    os._exit(0)
    except ChildProcessError:
        pass
    return reaped


def _listening(path: Path, client: int) -> socket.socket:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    os.chown(path, client, -1)
    listener.listen(64)
    return listener


def ensure_accounts() -> None:
    """Names for the sessions' ids, without which pwd and getpass fail in them. An image may have them already; a
    read-only one must."""
    for file, line in (
        ("/etc/passwd", "{name}:x:{uid}:{uid}::{home}:/bin/sh"),
        ("/etc/group", "{name}:x:{uid}:"),
    ):
        if not _missing(file):
            continue
        try:
            with Path(file).open("a", encoding="ascii") as accounts:
                fcntl.flock(accounts, fcntl.LOCK_EX)  # another helper may be starting
                for uid in _missing(file):
                    accounts.write(
                        line.format(name=f"sandbox{uid}", uid=uid, home=home_of(uid)) + "\n"
                    )
        except OSError as error:
            sys.stderr.write(
                f"sandbox: {file} has no accounts for the sessions' ids, and can't be written:"
                f" {error}\n"
            )


def _missing(file: str) -> list[int]:
    entries = (entry.split(":") for entry in Path(file).read_text().splitlines())
    known = {entry[2] for entry in entries if len(entry) > 2}
    return [uid for uid in UIDS if str(uid) not in known]


if (
    __name__ == "__main__"
):  # started by a worker on the same machine: PATH of the socket, descriptor of the lifeline
    serve(Path(sys.argv[1]), client=os.geteuid(), lifeline=int(sys.argv[2]))
