"""One session of the ``uid`` backend: a command under a user id of its own, from the hand-over to
the last sweep.

Runs as root in a process of its own (see ``helper``), which forks two: the monitor, which answers
held connections and watches memory under the session's user id, and the command's own. All that
does not depend on the command is done before it is asked for."""

import contextlib
import errno
import fcntl
import json
import os
import resource
import select
import signal
import socket
import struct
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from sandbox import seccomp
from sandbox import syscalls as linux
from sandbox.ownership import BWRAP_UID, SHARED, change_owner, opened_to, remove, sweep
from sandbox.uid.connections import Connections
from sandbox.usage import (
    INTERVAL,
    MAX_FILE_BYTES,
    MAX_OPEN_FILES,
    MAX_PROCESSES,
    RLIMIT_MSGQUEUE,
    SHM,
    Watch,
    blocks,
    machine_memory,
    owner,
)

#: User (and group) ids for sessions. In the range of BWRAP_UID, which Debian leaves unused; the
#: helper adds them to /etc/passwd where the image has not.
UIDS = range(60900, 60964)
HOMES = Path("/var/lib/coding-agent-sandbox")
_MAX_ORDER = 4 * 1024**2
_PEER = struct.Struct("=3i")
_SILENCE = 15.0
"""Seconds without a word from the monitor after which it counts as dead."""


@dataclass(frozen=True)
class Order:
    """What the client asks for: ``SandboxCommand``, over the socket."""

    argv: list[str]
    cwd: str
    writable: list[str]
    readable: list[str]
    environment: dict[str, str]
    port: int | None
    timeout: float
    memory_mb: int
    disk_mb: int


def home_of(uid: int) -> Path:
    return HOMES / str(uid)


def run(accept: Callable[[], socket.socket], client: int, begun: Callable[[], None]) -> None:
    """Prepare a session, wait for a request of the user ``client``, run it, leave nothing of it, and tell how it ended.

    ``begun`` is called once the command runs: time for the next session to be prepared. A request is its length in
    four bytes, with the descriptor for the output, then an ``Order`` in JSON.
    """
    linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)  # what the command leaves behind becomes ours
    session = _Session()
    with accept() as connection:
        pid, user, group = _PEER.unpack(
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        )
        told: dict[str, object] = {"error": f"process {pid} of user {user} may not ask"}
        try:
            if user == client:
                told = session.run(connection, (user, group), begun)
        except Exception as error:  # the client has to be told whatever it is
            told = {"error": f"{type(error).__name__}: {error}"}
        with contextlib.suppress(OSError):  # it may have gone
            connection.sendall(json.dumps(told).encode())


def _asked(connection: socket.socket) -> tuple[Order, int]:
    connection.settimeout(10)
    head, descriptors, _, _ = socket.recv_fds(connection, 4, 1)
    size = int.from_bytes(head, "big")
    text = bytearray()
    while len(text) < size <= _MAX_ORDER and (part := connection.recv(size - len(text))):
        text += part
    connection.settimeout(None)
    return Order(**json.loads(text)), descriptors[0]


def clean(uid: int, keep: Sequence[int] = ()) -> None:
    """Remove what a user of sessions has left, but for the open folders ``keep``: for the next one
    with its id.
    """
    sweep(uid, keep=keep)
    home = home_of(uid)
    try:
        (home / "tmp").rmdir()
        home.rmdir()
    except OSError:  # something is left in it
        remove(str(home))


def end_everything(uid: int) -> None:
    """Kill all that a user runs, until this process, to which orphans fall, has no child left."""
    while _children_left():
        _kill_all(uid)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _kill_all(uid: int) -> None:
    killer = os.fork()
    if killer == 0:
        try:
            os.setresuid(uid, uid, uid)
            os.kill(-1, signal.SIGKILL)  # at once: no fork gets in between
        finally:
            os._exit(0)
    os.waitpid(killer, 0)


def _children_left() -> bool:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _identity(among: Sequence[int] = UIDS) -> int:
    """A user id that no other session has. This process holds its lock, so that helpers on one
    machine don't meet.
    """
    for step in range(len(among)):
        uid = among[(os.getpid() + step) % len(among)]
        lock = os.open(HOMES / f"{uid}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        if home_of(uid).exists():  # a session that died with its supervisor
            _kill_all(uid)
            clean(uid)
        return uid
    raise BlockingIOError(f"all {len(among)} user ids of the sandbox are in use")


def end_leftovers() -> None:
    """End and remove what sessions have left that were killed from outside, with their supervisor."""
    for uid in UIDS:
        if home_of(uid).exists():
            with contextlib.suppress(BlockingIOError):
                _identity((uid,))


def _locked(path: Path, peer: int, stack: ExitStack) -> int:
    """A folder that the client may give away, for this session alone."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    stack.callback(os.close, folder)
    if peer not in (0, os.fstat(folder).st_uid):
        raise PermissionError(f"{path} is not yours to give away")
    fcntl.flock(folder, fcntl.LOCK_EX)
    return folder


class _Session:
    def __init__(self) -> None:
        self._uid = _identity()
        home = home_of(self._uid)
        for path in (home, home / "tmp"):
            path.mkdir(mode=0o700)
            os.chown(path, self._uid, self._uid)
        found, tells = os.pipe()
        going, go = os.pipe()
        self._alive, lives = os.pipe2(os.O_NONBLOCK)
        self._failures, fails = os.pipe2(os.O_NONBLOCK)
        self._to_monitor, for_monitor = socket.socketpair()
        self._to_target, for_target = socket.socketpair()
        self._monitor = _forked(
            lambda: _monitor(self._uid, for_monitor, found, go, lives),
            (for_monitor.fileno(), found, go, lives),
            fails,
        )
        self._target = _forked(
            lambda: _target(self._uid, for_target, self._monitor, tells, going),
            (for_target.fileno(), tells, going),
            fails,
        )
        for descriptor in (
            found,
            tells,
            going,
            go,
            lives,
            fails,
            for_monitor.detach(),
            for_target.detach(),
        ):
            os.close(descriptor)

    def run(
        self, connection: socket.socket, peer: tuple[int, int], begun: Callable[[], None]
    ) -> dict[str, object]:
        """``peer`` is the client's user and group. Raises OSError where the session can't be set
        up.
        """
        uid = self._uid
        order, output = _asked(connection)
        with ExitStack() as stack:
            folders = [
                _locked(path, peer[0], stack)
                for path in sorted({Path(path) for path in order.writable})
            ]
            for folder in folders:
                change_owner(folder, (peer[0], BWRAP_UID), (uid, uid))
                stack.callback(change_owner, folder, (uid,), peer, back=True)
            # Before folders go back: names of their files that lie elsewhere are gone then.
            stack.callback(clean, uid, folders)
            stack.enter_context(
                opened_to(
                    uid, [Path(path) for path in (order.cwd, *order.readable, *order.writable)]
                )
            )
            stack.callback(end_everything, uid)
            text = json.dumps(vars(order)).encode()
            self._to_monitor.sendall(text)
            socket.send_fds(self._to_target, [b"o"], [output])
            self._to_target.sendall(text)
            for descriptor in (self._to_monitor.detach(), self._to_target.detach(), output):
                os.close(descriptor)
            begun()
            told = self._wait(order.timeout, connection)
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._monitor, signal.SIGKILL)
                os.waitpid(self._monitor, 0)
        with contextlib.suppress(BlockingIOError):
            if said := os.read(self._failures, 4096):
                raise OSError(said.decode(errors="replace").strip())
        return told

    def _wait(self, timeout: float, client: socket.socket) -> dict[str, object]:
        target = self._target
        monitor = self._monitor
        alive = self._alive
        deadline = time.monotonic() + timeout
        heard = time.monotonic()
        poll = select.poll()
        ended = os.pidfd_open(target)
        for descriptor in (ended, os.pidfd_open(monitor), alive, client.fileno()):
            poll.register(descriptor, select.POLLIN)
        while True:
            now = time.monotonic()
            ready = {
                descriptor
                for descriptor, _ in poll.poll(max(0.0, min(deadline - now, 1.0)) * 1000 + 1)
            }
            if ended in ready:
                code = os.waitstatus_to_exitcode(os.waitpid(target, 0)[1])
                return {"code": code if code >= 0 else 128 - code, "ended": ""}
            if now >= deadline:
                return {"code": 124, "ended": "time"}
            if client.fileno() in ready:
                return {"code": 137, "ended": "cancelled"}
            if alive in ready:
                heard = now
                if told := os.read(alive, 4096).decode().strip("."):
                    return {"code": 137, "ended": told.split()[0]}
            if now - heard > _SILENCE or os.waitpid(monitor, os.WNOHANG | os.WUNTRACED)[0]:
                return {"code": 137, "ended": "its monitor was stopped"}


def _forked(does: Callable[[], NoReturn], keep: tuple[int, ...], fails: int) -> int:
    """A process with these descriptors alone. What goes wrong in it before the command begins is
    told to ``fails``.
    """
    pid = os.fork()
    if pid:
        return pid
    try:
        for number in (
            signal.SIGPIPE,
            signal.SIGXFSZ,
            signal.SIGINT,
            signal.SIGTERM,
            signal.SIGCHLD,
        ):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        nothing = os.open("/dev/null", os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        last = 3
        for descriptor in sorted((*keep, fails)):
            os.closerange(last, descriptor)
            last = descriptor + 1
        os.closerange(last, 65536)
        does()
    except BaseException as error:
        os.write(fails, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(126)


def _become(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)


def _target(uid: int, asked: socket.socket, monitor: int, tells: int, going: int) -> NoReturn:
    try:
        linux.join_new_session_keyring()
    except (
        OSError
    ) as error:  # where a container's own filter refuses keyrings, there is none to inherit either
        if error.errno not in (errno.EPERM, errno.ENOSYS):
            raise
    Path("/proc/self/oom_score_adj").write_text("1000")
    for kind, limit in (
        # Less would make allocations fail that a program can do without; what is used, the monitor
        # watches.
        (resource.RLIMIT_DATA, machine_memory()["MemTotal"]),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
        (resource.RLIMIT_NPROC, MAX_PROCESSES),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
        (RLIMIT_MSGQUEUE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (limit, limit))
    os.umask(0o022)
    _become(uid)
    linux.prctl(linux.PR_SET_DUMPABLE, 1)  # for the monitor, which has the same user id
    listener = linux.install_filter(seccomp.program(linux.machine(), hold=True, monitor=monitor))
    os.write(tells, f"{os.getpid()} {listener}".encode())
    if os.read(going, 1) != b"g":
        raise OSError("the monitor did not start")
    _, (output,), _, _ = socket.recv_fds(asked, 1, 1)
    order = _received(asked)
    os.chdir(order.cwd)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    home = home_of(uid)
    given = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TMPDIR": f"{home}/tmp",  # noqa: S108
    }
    os.closerange(3, 65536)
    try:
        os.execvpe(order.argv[0], order.argv, given | order.environment)  # noqa: S606 - no shell is meant
    except OSError as error:
        os.write(2, f"{order.argv[0]}: {error.strerror}\n".encode())
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def _monitor(uid: int, asked: socket.socket, found: int, go: int, lives: int) -> NoReturn:
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    _become(uid)  # so not dumpable: the session can't look into it
    pid, listener = (int(word) for word in os.read(found, 64).split())
    held = linux.descriptor_of(pid, pid, listener)
    os.write(go, b"g")
    order = _received(asked)
    connections = Connections(uid=uid, machine=linux.machine(), port=order.port)
    watch = Watch(
        uid=uid,
        memory=order.memory_mb * 1024**2,
        disk=order.disk_mb * 1024**2,
        ours=lambda pid, status: owner(status) == uid and pid != os.getpid(),
        folders=[home_of(uid), *(Path(path) for path in (*SHARED, *order.writable) if path != SHM)],
        in_memory=lambda: blocks([Path(SHM)], uid),
    )
    calls = ThreadPoolExecutor(max_workers=128)
    poll = select.poll()
    looked = time.monotonic()
    poll.register(held, select.POLLIN)
    while True:
        for _, event in poll.poll(INTERVAL * 1000):
            if event & select.POLLIN:
                with contextlib.suppress(FileNotFoundError):  # its caller was killed
                    calls.submit(connections.answer, linux.Notification(held))
            else:
                poll.unregister(held)  # nobody is left who could call
        if time.monotonic() - looked >= INTERVAL:
            exceeded = watch.exceeded()
            os.write(lives, f" {exceeded} ".encode() if exceeded else b".")
            looked = time.monotonic()


def _received(asked: socket.socket) -> Order:
    """Until its sender closes it."""
    text = bytearray()
    while part := asked.recv(65536):
        text += part
    return Order(**json.loads(text))
