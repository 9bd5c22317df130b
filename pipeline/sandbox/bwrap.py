"""The bubblewrap backend: namespaces, an empty environment, system folders read-only, nothing of the worker's own.

As root it changes the real user id as well, since a user namespace alone leaves root's 0600 files readable; else the
user namespace that bubblewrap makes holds all there is.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from pipeline.sandbox import NoIsolation, SandboxCommand, SandboxResult
from pipeline.sandbox.process import drain, launched, plain

#: No account has it on Debian (https://systemd.io/UIDS-GIDS/: 60578 to 61183 is unused).
SANDBOX_UID = 60999
_TMPFS_BYTES = 1024**3
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "alternatives", "ca-certificates", "gai.conf", "host.conf", "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
    "localtime", "mime.types", "nsswitch.conf", "os-release", "pki", "protocols", "resolv.conf", "services", "ssl",
)  # fmt: skip
_TRUE = SandboxCommand(("/bin/true",), cwd=Path("/"))


class BwrapSandbox:
    name = "bwrap"

    def __init__(self) -> None:
        """Raises NoIsolation where a program it needs is missing, or where the kernel refuses."""
        self._root = os.geteuid() == 0
        self._uid, self._gid = (SANDBOX_UID, SANDBOX_UID) if self._root else (os.getuid(), os.getgid())
        self._bwrap = _program("bwrap", package="bubblewrap")
        self._setpriv = _program("setpriv", package="util-linux")
        with ExitStack() as stack:
            argv, descriptors = self._prepared(_TRUE, stack)
            tried = subprocess.run(
                argv, env={}, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                pass_fds=descriptors, timeout=30, check=False,
            )  # fmt: skip
        if tried.returncode != 0:
            said = plain(tried.stdout, 300).strip()
            raise NoIsolation(
                f"bubblewrap does not work here ({said}): it needs user namespaces "
                "(sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0), "
                "in a container the capability SYS_ADMIN"
            )

    async def run(self, command: SandboxCommand) -> SandboxResult:
        """Raises OSError where the sandbox itself could not be set up."""
        started = time.monotonic()
        if self._root:
            for folder in command.writable:
                _hand_over(folder, self._uid, self._gid)
        with ExitStack() as stack:
            status, reported = os.pipe()
            stack.callback(os.close, status)
            try:
                argv, descriptors = self._prepared(command, stack, report_to=reported)
                process = await asyncio.create_subprocess_exec(
                    *argv, env={}, cwd="/", start_new_session=True, pass_fds=descriptors,
                    stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
                )  # fmt: skip
            finally:
                os.close(reported)
            return await _supervise(command, process, status, started)

    def _prepared(
        self, command: SandboxCommand, stack: ExitStack, *, report_to: int | None = None
    ) -> tuple[list[str], tuple[int, ...]]:
        """The command line, and the descriptors it reads: options by --args, so that no /proc entry shows them."""
        passwd = f"root:x:0:0::/:/bin/false\nsandbox:x:{self._uid}:{self._gid}::/tmp/home:/bin/sh\n"
        users = _memfd(passwd.encode(), stack)
        groups = _memfd(f"root:x:0:\nsandbox:x:{self._gid}:\n".encode(), stack)
        options = [*self._isolation(command), *_files(command)]
        for data, path in ((users, "/etc/passwd"), (groups, "/etc/group")):
            options += ["--perms", "0644", "--ro-bind-data", str(data), path]
        if report_to is not None:
            options += ["--json-status-fd", str(report_to)]
        options += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(command.cwd)]
        described = _memfd(b"".join(os.fsencode(word) + b"\0" for word in options), stack)
        drop = [self._setpriv, "--no-new-privs", "--inh-caps=-all"]
        if self._root:
            drop += [f"--reuid={self._uid}", f"--regid={self._gid}", "--clear-groups"]
        argv = [self._bwrap, "--args", str(described), "--", *drop, "--", *command.argv]
        descriptors = (users, groups, described) + ((report_to,) if report_to is not None else ())
        return launched(argv, memory_mb=command.memory_mb), descriptors

    def _isolation(self, command: SandboxCommand) -> list[str]:
        options = ["--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"]
        options += [] if command.network else ["--unshare-net"]
        options += ["--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
        # Root changes its real user id inside, for which these two stay until it has; exec then drops them.
        options += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if self._root else ["--unshare-user"]
        given = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp/home", "LANG": "C.UTF-8", "TMPDIR": "/tmp"}  # noqa: S108 - inside
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
    for own in ("/tmp", "/var/tmp", "/dev/shm", "/tmp/home"):  # noqa: S108 - inside
        options += ["--perms", "1777", "--size", str(_TMPFS_BYTES), "--tmpfs", own]
    binds = dict.fromkeys(command.readable, "--ro-bind") | dict.fromkeys(command.writable, "--bind")
    above = {folder for path in binds for folder in path.parents if folder != Path("/")}
    for folder in sorted(above):  # left to itself, bubblewrap makes some of them so that only root gets through
        options += ["--perms", "0755", "--dir", str(folder)]
    for path in sorted(binds, key=lambda path: len(path.parts)):  # a folder before what lies in it
        options += [binds[path], str(path), str(path)]
    return options


async def _supervise(
    command: SandboxCommand, process: asyncio.subprocess.Process, status: int, started: float
) -> SandboxResult:
    if process.stdout is None:
        raise RuntimeError("the process was started without a pipe")
    kept, timed_out, reported, init = bytearray(), False, b"", -1
    reading = asyncio.create_task(drain(process.stdout, kept, command.output_limit))
    try:
        async with asyncio.timeout(command.timeout):
            await _readable(status)
            reported = os.read(status, 4096)
            init = _pidfd(reported)
            await asyncio.wait([reading])
            await process.wait()
    except TimeoutError:
        timed_out = True
    finally:
        await asyncio.shield(asyncio.create_task(_end(process, init)))
    await reading
    while more := os.read(status, 4096):
        reported += more
    output = plain(kept, command.output_limit)
    if not timed_out and b'"exit-code"' not in reported:
        raise OSError(f"the sandbox could not be set up: {output.strip()[-500:]}")
    code = 124 if timed_out or process.returncode is None else process.returncode
    return SandboxResult(code, output, timed_out, time.monotonic() - started)


async def _end(process: asyncio.subprocess.Process, init: int) -> None:
    """Kill what is left. The namespace's init takes all of it along, and is gone only when everything is."""
    if init >= 0:
        try:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(init, signal.SIGKILL)
            await _readable(init)
        finally:
            os.close(init)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def _readable(descriptor: int) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


def _pidfd(reported: bytes) -> int:
    """A descriptor of the namespace's init, whose pid bubblewrap tells first; -1 where there is none."""
    _, found, rest = reported.partition(b'"child-pid": ')
    try:
        return os.pidfd_open(int(rest.split(b",")[0].split()[0])) if found else -1
    except ProcessLookupError:
        return -1


def _memfd(data: bytes, stack: ExitStack) -> int:
    descriptor = os.memfd_create("sandbox")
    stack.callback(os.close, descriptor)
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _hand_over(folder: Path, uid: int, gid: int) -> None:
    """Make the user of the sandbox own a folder. Never through a link."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != uid:
            os.fchown(descriptor, uid, gid)
    finally:
        os.close(descriptor)


def _program(name: str, *, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise NoIsolation(f"{name} is not installed: apt-get install {package}")
    return found
