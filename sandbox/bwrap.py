"""The bubblewrap backend: namespaces, an empty environment, system folders read-only, nothing of
the worker's own.

As root it changes the real user id as well, since a user namespace alone leaves root's 0600 files
readable; else the user namespace that bubblewrap makes holds all there is."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from sandbox import NoIsolation, SandboxCommand, SandboxResult, seccomp
from sandbox import syscalls as linux
from sandbox.index.proxy import IndexProxy
from sandbox.output import drain, explained, launched, plain
from sandbox.ownership import BWRAP_UID, change_owner, open_to
from sandbox.usage import INTERVAL, Watch

_TMPFS_BYTES = 1024**3
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "alternatives",
    "ca-certificates",
    "gai.conf",
    "host.conf",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "pki",
    "protocols",
    "resolv.conf",
    "services",
    "ssl",
)
_OWN = ("/tmp", "/var/tmp", "/dev/shm", "/tmp/home")  # noqa: S108 - inside
INDEX_PORT = 8377
"""Where a sandbox that installs finds the package index, on its own loopback."""
#: Joins the user and network namespaces of process 1's, listens on a port there, and passes the
#: socket on.
_LISTEN = """
import ctypes, os, socket, sys
pid, back, port = (int(word) for word in sys.argv[1:4])
libc = ctypes.CDLL(None, use_errno=True)
mine = os.readlink("/proc/self/ns/user")
for kind in ("user", "net"):
    if kind == "net" or os.readlink(f"/proc/{pid}/ns/user") != mine:
        if libc.setns(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY), 0):
            raise OSError(ctypes.get_errno(), f"setns {kind}")
listener = socket.create_server(("", port))
socket.send_fds(socket.socket(fileno=back), [b"."], [listener.fileno()])
"""
_TRUE = SandboxCommand(("/bin/true",), cwd=Path("/"))

_NAME = "sandbox"
_HOSTS = f"127.0.0.1 localhost {_NAME}\n::1 localhost ip6-localhost ip6-loopback\n".encode()
"""Many a server asks for the address of its own name, and there is nobody else to ask."""


class BwrapSandbox:
    name = "bwrap"

    def __init__(self, index: IndexProxy | None = None) -> None:
        """Raises NoIsolation where a program it needs is missing, or where the kernel refuses."""
        self._index = index or IndexProxy.configured(os.environ)
        self._root = os.geteuid() == 0
        self._uid, self._gid = (BWRAP_UID, BWRAP_UID) if self._root else (os.getuid(), os.getgid())
        self._bwrap = _program("bwrap", package="bubblewrap")
        self._setpriv = _program("setpriv", package="util-linux")
        with ExitStack() as stack:
            argv, descriptors = self._prepared(_TRUE, stack)
            tried = subprocess.run(
                argv,
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=descriptors,
                timeout=30,
                check=False,
            )
        if tried.returncode != 0:
            said = plain(tried.stdout, 300).strip()
            raise NoIsolation(
                f"bubblewrap does not work here ({said}): it needs user namespaces (sysctl"
                " kernel.unprivileged_userns_clone=1,"
                " kernel.apparmor_restrict_unprivileged_userns=0), in a container the capability"
                " SYS_ADMIN"
            )

    async def run(self, command: SandboxCommand) -> SandboxResult:
        """Raises OSError where the sandbox itself could not be set up."""
        started = time.monotonic()
        installing = command.network == "install"
        if installing:
            command = replace(
                command,
                environment=command.environment | self._index.environment(INDEX_PORT),
                readable=(*command.readable, *self._index.folders),
            )
        if self._root:
            for folder in command.writable:
                _hand_over(folder, self._uid, self._gid)
            for path in (command.cwd, *command.readable):
                open_to(
                    self._uid, path, 5 if path.is_dir() else 4
                )  # as of the writable ones: it stays so
        with ExitStack() as stack:
            status, reported = os.pipe()
            stack.callback(os.close, status)
            held, go = os.pipe()
            gate = os.fdopen(go, "wb", buffering=0)
            stack.enter_context(gate)
            try:
                argv, descriptors = self._prepared(
                    command, stack, report_to=reported, wait_for=held
                )
                process = await asyncio.create_subprocess_exec(
                    *argv,
                    env={},
                    cwd="/",
                    umask=0o022,
                    start_new_session=True,
                    pass_fds=descriptors,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                )
            finally:
                os.close(reported)
                os.close(held)
            session = _Session(command, process, status, self._uid)
            try:
                async with asyncio.timeout(command.timeout):
                    init = await session.begun()
                    if installing and init is not None:
                        listener = await asyncio.to_thread(_listener_inside, init)
                        stack.callback(self._index.serve(listener))
                    with contextlib.suppress(BrokenPipeError):  # it has failed already
                        gate.write(b".")
                    await session.ended()
            except TimeoutError:
                session.reason = "time"
            finally:
                await asyncio.shield(asyncio.create_task(session.end()))
            return await session.result(started)

    def _prepared(
        self,
        command: SandboxCommand,
        stack: ExitStack,
        *,
        report_to: int | None = None,
        wait_for: int | None = None,
    ) -> tuple[list[str], tuple[int, ...]]:
        """The command line, and the descriptors it reads: options by --args, so that no /proc entry
        shows them.
        """
        passwd = f"root:x:0:0::/:/bin/false\nsandbox:x:{self._uid}:{self._gid}::/tmp/home:/bin/sh\n"
        users = _memfd(passwd.encode(), stack)
        groups = _memfd(f"root:x:0:\nsandbox:x:{self._gid}:\n".encode(), stack)
        options = [*self._isolation(command), *_files(command)]
        hosts = _memfd(_HOSTS, stack)
        for data, path in ((users, "/etc/passwd"), (groups, "/etc/group"), (hosts, "/etc/hosts")):
            options += ["--perms", "0644", "--ro-bind-data", str(data), path]
        if report_to is not None and wait_for is not None:
            options += ["--json-status-fd", str(report_to), "--block-fd", str(wait_for)]
        filtered = _memfd(seccomp.program(linux.machine(), hold=False), stack)
        options += ["--seccomp", str(filtered)]
        options += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(command.cwd)]
        described = _memfd(b"".join(os.fsencode(word) + b"\0" for word in options), stack)
        drop = [self._setpriv, "--no-new-privs", "--inh-caps=-all"]
        if self._root:
            drop += [f"--reuid={self._uid}", f"--regid={self._gid}", "--clear-groups"]
        argv = [self._bwrap, "--args", str(described), "--", *drop, "--", *command.argv]
        told = tuple(number for number in (report_to, wait_for) if number is not None)
        return launched(argv), (users, groups, hosts, described, filtered, *told)

    def _isolation(self, command: SandboxCommand) -> list[str]:
        options = [
            "--unshare-ipc",
            "--unshare-pid",
            "--unshare-uts",
            "--unshare-cgroup-try",
            "--hostname",
            _NAME,
        ]
        options += [
            "--unshare-net",
            "--die-with-parent",
            "--new-session",
            "--clearenv",
            "--cap-drop",
            "ALL",
        ]
        # Root changes its real user id inside, for which these stay until it has (one to enter a
        # folder that is that user's alone); exec then drops them.
        kept = ("CAP_SETUID", "CAP_SETGID", "CAP_DAC_READ_SEARCH") if self._root else ()
        options += [word for name in kept for word in ("--cap-add", name)] or ["--unshare-user"]
        given = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": "/tmp/home",  # noqa: S108 - inside
            "LANG": "C.UTF-8",
            "TMPDIR": "/tmp",  # noqa: S108 - inside
        }
        for name, value in (given | command.environment).items():
            options += ["--setenv", name, value]
        return options


def _files(command: SandboxCommand) -> list[str]:
    options = ["--perms", "0755", "--dir", "/etc", "--proc", "/proc", "--dev", "/dev"]
    for system in _SYSTEM:
        if Path(system).is_symlink():
            options += ["--symlink", str(Path(system).readlink()), system]
        elif Path(system).exists():
            options += ["--ro-bind", system, system]
    for name in _ETC:
        options += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for own in _OWN:
        options += ["--perms", "1777", "--size", str(_TMPFS_BYTES), "--tmpfs", own]
    binds = dict.fromkeys(command.readable, "--ro-bind") | dict.fromkeys(command.writable, "--bind")
    above = {folder for path in binds for folder in path.parents if folder != Path("/")}
    for folder in sorted(
        above
    ):  # left to itself, bubblewrap makes some of them so that only root gets through
        options += ["--perms", "0755", "--dir", str(folder)]
    for path in sorted(binds, key=lambda path: len(path.parts)):  # a folder before what lies in it
        options += [binds[path], str(path), str(path)]
    return options


class _Session:
    """A bubblewrap that was started, until nothing of it is left."""

    def __init__(
        self, command: SandboxCommand, process: asyncio.subprocess.Process, status: int, uid: int
    ):
        if process.stdout is None:
            raise RuntimeError("the process was started without a pipe")
        self.reason = ""
        self._command = command
        self._process = process
        self._status = status
        self._uid = uid
        self._kept = bytearray()
        self._reported = b""
        self._init = -1
        self._init_pidfd = -1
        self._reading = asyncio.create_task(drain(process.stdout, self._kept, command))

    async def begun(self) -> int | None:
        """The process id of the namespace's init, which waits; None where bubblewrap failed before
        it had one.
        """
        await _readable(self._status)
        self._reported = os.read(self._status, 4096)
        _, found, rest = self._reported.partition(b'"child-pid": ')
        if found:
            with contextlib.suppress(ProcessLookupError):
                self._init = int(rest.split(b",")[0].split()[0])
                self._init_pidfd = os.pidfd_open(self._init)
        return self._init if found else None

    async def ended(self) -> None:
        watching = asyncio.create_task(self._watch())
        try:
            done, _ = await asyncio.wait(
                {self._reading, watching}, return_when=asyncio.FIRST_COMPLETED
            )
            if self._reading in done:
                await self._process.wait()
            else:
                self.reason = watching.result()  # a watch that fails is a failure
        finally:
            watching.cancel()

    async def _watch(self) -> str:
        """Until it uses too much; says of what."""
        try:
            namespace = os.readlink(f"/proc/{self._init}/ns/pid")  # noqa: PTH115 - no disk is asked
            root = f"/proc/{self._init}/root"
            watch = Watch(
                uid=self._uid,
                memory=self._command.memory_mb * 1024**2,
                disk=self._command.disk_mb * 1024**2,
                ours=lambda pid, _: str(Path(f"/proc/{pid}/ns/pid").readlink()) == namespace,
                folders=self._command.writable,
                in_memory=lambda: _in_memory(root),
            )
            while True:
                await asyncio.sleep(INTERVAL)
                if exceeded := await asyncio.to_thread(watch.exceeded):
                    return exceeded
        except FileNotFoundError:  # it has ended already
            await asyncio.wait({self._reading})
            return ""

    async def end(self) -> None:
        """Kill what is left. The namespace's init takes all of it along, and is gone only when
        everything is.
        """
        if self._init_pidfd >= 0:
            try:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._init_pidfd, signal.SIGKILL)
                await _readable(self._init_pidfd)
            finally:
                os.close(self._init_pidfd)
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def result(self, started: float) -> SandboxResult:
        await self._reading
        while more := os.read(self._status, 4096):
            self._reported += more
        output = plain(self._kept, self._command.output_limit) + explained(
            self.reason, self._command
        )
        if not self.reason and b'"exit-code"' not in self._reported:
            raise OSError(f"the sandbox could not be set up: {output.strip()[-500:]}")
        code = {"": self._process.returncode, "time": 124}.get(self.reason, 137)
        return SandboxResult(
            124 if code is None else code, output, self.reason == "time", time.monotonic() - started
        )


def _in_memory(root: str) -> int:
    """Bytes of the files in a sandbox's own file systems, which are in memory."""
    told = [os.statvfs(root + path) for path in _OWN]
    return sum((one.f_blocks - one.f_bfree) * one.f_frsize for one in told)


def _listener_inside(init: int) -> socket.socket:
    """A socket that listens on the sandbox's loopback, and is ours: another process joins its
    network to make it.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        argv = [
            sys.executable,
            "-I",
            "-S",
            "-c",
            _LISTEN,
            str(init),
            str(theirs.fileno()),
            str(INDEX_PORT),
        ]
        subprocess.run(argv, env={}, pass_fds=(theirs.fileno(),), check=True, timeout=30)
        _, (listener,), _, _ = socket.recv_fds(ours, 1, 1)
        return socket.socket(fileno=listener)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


def _memfd(data: bytes, stack: ExitStack) -> int:
    descriptor = os.memfd_create("sandbox")
    stack.callback(os.close, descriptor)
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _hand_over(folder: Path, uid: int, gid: int) -> None:
    """Make the user of the sandbox own a folder and what is in it, once: it stays so. Never through
    a link.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if (found := os.fstat(descriptor).st_uid) != uid:
            change_owner(descriptor, (found,), (uid, gid))
    finally:
        os.close(descriptor)


def _program(name: str, *, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise NoIsolation(f"{name} is not installed: apt-get install {package}")
    return found
