"""The command line of bubblewrap: what a command sees of the machine, and as which user it runs."""

import os
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sandbox import SandboxCommand
from sandbox.bwrap.relocation import Relocation, seen_inside
from sandbox.environment import base_environment
from sandbox.limits import limited_command
from sandbox.seccomp import assemble_filter
from sandbox.syscall_table import this_processor

_IN_MEMORY = ("/var/tmp", "/dev/shm")  # noqa: S108 - inside
_IN_MEMORY_BYTES = 1024**3
_HOME = Path("/tmp/home")  # noqa: S108 - inside
_TEMPORARY = Path("/tmp")  # noqa: S108 - inside
_SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC_ENTRIES = (
    "alternatives",
    "ca-certificates",
    "fonts",
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
_HOSTNAME = "sandbox"
_HOSTS = f"127.0.0.1 localhost {_HOSTNAME}\n::1 localhost ip6-localhost ip6-loopback\n"
"""Many servers resolve their own host name, and no name server is reachable."""


@dataclass(frozen=True)
class Installation:
    """The programs that create the sandbox."""

    bwrap: Path
    setpriv: Path
    by_root: bool
    """Whether the worker is root.

    If so, the real user id is changed, too: a user namespace alone leaves root's 0600 files
    readable.
    """


@dataclass(frozen=True)
class User:
    """The user that a command runs as."""

    uid: int
    gid: int


@dataclass(frozen=True)
class ControlPipes:
    """bubblewrap's ends of two pipes."""

    status_w: int
    """bubblewrap writes the process id of the namespace's init here, and later the exit code."""
    start_r: int
    """The command starts once a byte arrives here."""


@dataclass(frozen=True)
class CommandLine:
    argv: list[str]
    descriptors: tuple[int, ...]
    """Descriptors that bubblewrap must inherit."""


def command_line(
    installation: Installation,
    user: User,
    command: SandboxCommand,
    stack: ExitStack,
    pipes: ControlPipes | None = None,
) -> CommandLine:
    """Return the command line; ``stack`` closes its descriptors.

    The options are passed through a descriptor (--args), so that they are not visible in /proc.
    """
    inside = seen_inside(command)
    options = [
        *_isolation(),
        *_capabilities(installation),
        *_environment(inside),
        *_file_system(command),
    ]
    descriptors: list[int] = []
    for name, text in _own_etc_files(user, inside.home or _HOME).items():
        descriptor = _memory_file(text.encode(), stack)
        descriptors.append(descriptor)
        options += ["--perms", "0644", "--ro-bind-data", str(descriptor), f"/etc/{name}"]
    if pipes is not None:
        options += ["--json-status-fd", str(pipes.status_w), "--block-fd", str(pipes.start_r)]
        descriptors += [pipes.status_w, pipes.start_r]
    filter_fd = _memory_file(_seccomp_filter(), stack)
    descriptors.append(filter_fd)
    options += ["--seccomp", str(filter_fd)]
    options += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(inside.cwd)]

    options_fd = _memory_file(_encode(options), stack)
    descriptors.append(options_fd)
    bwrap = [str(installation.bwrap), "--args", str(options_fd), "--"]
    argv = [*bwrap, *_drop_privileges(installation, user), "--", *inside.argv]
    return CommandLine(limited_command(argv), tuple(descriptors))


@cache
def _seccomp_filter() -> bytes:
    return assemble_filter(this_processor(), monitor=None)


def _encode(options: list[str]) -> bytes:
    """Encode options in the format of --args."""
    return b"".join(os.fsencode(option) + b"\0" for option in options)


def _isolation() -> list[str]:
    return [
        "--unshare-ipc",
        "--unshare-pid",
        "--unshare-uts",
        "--unshare-cgroup-try",
        "--hostname",
        _HOSTNAME,
        "--unshare-net",
        "--die-with-parent",
        "--new-session",
    ]


def _capabilities(installation: Installation) -> list[str]:
    options = ["--cap-drop", "ALL"]
    if not installation.by_root:
        return [*options, "--unshare-user"]
    # Needed until the user id is changed inside (CAP_DAC_READ_SEARCH to enter a folder that only
    # that user may enter); exec then drops them.
    for name in ("CAP_SETUID", "CAP_SETGID", "CAP_DAC_READ_SEARCH"):
        options += ["--cap-add", name]
    return options


def _drop_privileges(installation: Installation, user: User) -> list[str]:
    argv = [str(installation.setpriv), "--no-new-privs", "--inh-caps=-all"]
    if installation.by_root:
        argv.append(f"--reuid={user.uid}")
        argv.append(f"--regid={user.gid}")
        argv.append("--clear-groups")
    return argv


def in_memory_folders(command: SandboxCommand) -> tuple[str, ...]:
    """Return the mount points of the sandbox's own in-memory file systems."""
    if _mounts_temporary_as_tmp(command):
        return _IN_MEMORY
    return (str(_TEMPORARY), *_IN_MEMORY, str(_HOME))


def _mounts_temporary_as_tmp(command: SandboxCommand) -> bool:
    """Return whether the command's temporary folder is mounted as /tmp.

    It is not if one of the command's paths is below /tmp: bubblewrap would create mount points in a
    folder where hostile code may have left links.
    """
    relocation = Relocation(command.run_folder)
    paths = (command.cwd, *command.writable, *command.readable)
    below_tmp = any(relocation.path(path).is_relative_to(_TEMPORARY) for path in paths)
    return command.temporary is not None and not below_tmp


def _environment(command: SandboxCommand) -> list[str]:
    variables = base_environment(command.home or _HOME, command.temporary or _TEMPORARY)
    variables.update(command.environment)
    options = ["--clearenv"]
    for name, value in variables.items():
        options += ["--setenv", name, value]
    return options


def _file_system(command: SandboxCommand) -> list[str]:
    options = ["--perms", "0755", "--dir", "/etc", "--proc", "/proc", "--dev", "/dev"]
    for name in _SYSTEM_FOLDERS:
        folder = Path(name)
        if folder.is_symlink():
            options += ["--symlink", str(folder.readlink()), name]
        elif folder.exists():
            options += ["--ro-bind", name, name]
    for name in _ETC_ENTRIES:
        options += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for name in in_memory_folders(command):
        options += ["--perms", "1777", "--size", str(_IN_MEMORY_BYTES), "--tmpfs", name]
    if _mounts_temporary_as_tmp(command):
        options += ["--bind", str(command.temporary), str(_TEMPORARY)]
    return [*options, *_command_folders(command)]


def _command_folders(command: SandboxCommand) -> list[str]:
    options: list[str] = []
    binds = dict.fromkeys(command.readable, "--ro-bind")
    binds.update(dict.fromkeys(command.writable, "--bind"))

    # By default, bubblewrap creates some of the parent folders with access for root only.
    relocation = Relocation(command.run_folder)
    above: set[Path] = set()
    for path in binds:
        above.update(relocation.path(path).parents)
    above.discard(Path("/"))
    for folder in sorted(above):
        options += ["--perms", "0755", "--dir", str(folder)]

    # A folder must be bound before the folders in it.
    for path in sorted(binds, key=lambda path: len(path.parts)):
        options += [binds[path], str(path), str(relocation.path(path))]
    return options


def _own_etc_files(user: User, home: Path) -> dict[str, str]:
    """Return name -> content for the files in /etc that differ from the machine's."""
    return {
        "passwd": f"root:x:0:0::/:/bin/false\nsandbox:x:{user.uid}:{user.gid}::{home}:/bin/sh\n",
        "group": f"root:x:0:\nsandbox:x:{user.gid}:\n",
        "hosts": _HOSTS,
    }


def _memory_file(data: bytes, stack: ExitStack) -> int:
    """Return a descriptor from which ``data`` can be read; ``stack`` closes it."""
    descriptor = os.memfd_create("sandbox")
    stack.callback(os.close, descriptor)
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
