"""A program to run inside a sandbox: try a dozen ways to escape, and print which were blocked.

    python -I -S -c PROGRAM OUTSIDE

OUTSIDE is a JSON file about the machine outside (``probes.Outside``). Prints a JSON object: the
name of each probe -> whether the sandbox blocked it. Uses the standard library only.
"""

import ctypes
import errno
import glob
import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

METADATA_ADDRESSES = ("169.254.169.254", "169.254.170.2")
AF_PACKET = 17
AF_VSOCK = 40
ETH_P_ALL = 3
CLONE_NEWUSER = 0x10000000
KEYCTL_GET_KEYRING_ID = 0
KEY_SPEC_SESSION_KEYRING = -3
UFFD_USER_MODE_ONLY = 1
CAPABILITY_LINES = ("CapEff:", "CapPrm:", "CapInh:", "CapAmb:")
SYSTEM_FOLDERS = ("/usr", "/etc", "/", "/dev", "/run")

libc = ctypes.CDLL(None, use_errno=True)


def succeeds(function: Callable[..., object], *arguments: object) -> bool:
    try:
        function(*arguments)
    except (OSError, ValueError):
        return False
    return True


def read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:  # noqa: PTH123 - pathlib would double the time
            return file.read()
    except OSError:
        return ""


def can_connect(address: Any, family: int = socket.AF_INET) -> bool:
    with socket.socket(family) as sock:
        sock.settimeout(2)
        return succeeds(sock.connect, address)


def can_open_socket(family: int, kind: int, protocol: int) -> bool:
    return succeeds(lambda: socket.socket(family, kind, protocol).close())


class Probes:
    """Attempts to escape. Each method returns whether it succeeded."""

    def __init__(self, outside: dict[str, Any]):
        self._outside = outside

    def results(self) -> dict[str, bool]:
        probes = {
            "reading root's files": self.read_roots_files,
            "reading the worker's environment": self.read_environment,
            "reading the worker's memory": self.read_memory,
            "connecting to the worker's port": self.connect_to_port,
            "connecting to the metadata addresses": self.connect_to_metadata,
            "connecting to another process's abstract socket": self.connect_to_abstract_socket,
            "raw sockets": self.open_raw_sockets,
            "tracing": self.trace,
            "keyrings": self.read_keyring,
            "namespaces": self.make_namespace,
            "mounting": self.mount,
            "io_uring": self.use_io_uring,
            "bpf, perf and userfaultfd": self.use_kernel_interfaces,
            "capabilities": self.have_capabilities,
            "becoming root": self.become_root,
            "writing to system folders": self.write_to_system_folders,
            "inherited descriptors": self.have_inherited_descriptors,
        }
        return {name: not probe() for name, probe in probes.items()}

    def read_roots_files(self) -> bool:
        return bool(read(self._outside["secret_file"]) or read("/etc/shadow"))

    def read_environment(self) -> bool:
        # Reversed, so that this process's own command line and files do not contain it.
        variable = self._outside["variable_reversed"][::-1]
        return any(variable in read(path) for path in glob.glob("/proc/*/environ"))  # noqa: PTH207

    def read_memory(self) -> bool:
        return bool(read(self._outside["memory_map"]))

    def connect_to_port(self) -> bool:
        return can_connect(("127.0.0.1", self._outside["port"]))

    def connect_to_metadata(self) -> bool:
        return any(can_connect((address, 80)) for address in METADATA_ADDRESSES)

    def connect_to_abstract_socket(self) -> bool:
        return can_connect("\0" + self._outside["abstract_socket"], socket.AF_UNIX)

    def open_raw_sockets(self) -> bool:
        return (
            can_open_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            or can_open_socket(AF_PACKET, socket.SOCK_RAW, ETH_P_ALL)
            or can_open_socket(AF_VSOCK, socket.SOCK_STREAM, 0)
        )

    def trace(self) -> bool:
        return self._call("ptrace", 0, 0, 0, 0)

    def read_keyring(self) -> bool:
        return self._call("keyctl", KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0)

    def make_namespace(self) -> bool:
        return self._call("unshare", CLONE_NEWUSER)

    def mount(self) -> bool:
        return self._call("mount", b"none", b"/tmp", b"tmpfs", 0, None)

    def use_io_uring(self) -> bool:
        return self._call("io_uring_setup", 1, ctypes.create_string_buffer(120))

    def use_kernel_interfaces(self) -> bool:
        # Any result other than EPERM means that the kernel has looked at the arguments.
        refused_bpf = self._result("bpf", 0, 0, 0) == -errno.EPERM
        perf_event = ctypes.create_string_buffer(128)
        return (
            not refused_bpf
            or self._call("userfaultfd", UFFD_USER_MODE_ONLY)
            or self._call("perf_event_open", perf_event, 0, -1, -1, 0)
        )

    def have_capabilities(self) -> bool:
        for line in read("/proc/self/status").splitlines():
            if line.startswith(CAPABILITY_LINES) and int(line.split()[1], 16):
                return True
        return False

    def become_root(self) -> bool:
        no_new_privileges = "NoNewPrivs:\t1" in read("/proc/self/status")
        return succeeds(os.setuid, 0) or not no_new_privileges

    def write_to_system_folders(self) -> bool:
        return any(succeeds(open, f"{folder}/x", "w") for folder in SYSTEM_FOLDERS)

    def have_inherited_descriptors(self) -> bool:
        own = range(3, 256)
        return any(os.path.exists(f"/proc/self/fd/{number}") for number in own)  # noqa: PTH110

    def _call(self, name: str, *arguments: object) -> bool:
        """Make a system call; return whether it succeeded."""
        return self._result(name, *arguments) >= 0

    def _result(self, name: str, *arguments: object) -> int:
        """Make a system call; return its result, or the errno as a negative number."""
        words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
        number = self._outside["syscall_numbers"][name]
        result: int = libc.syscall(ctypes.c_long(number), *words)
        return -ctypes.get_errno() if result == -1 else result


def main() -> None:
    outside = json.loads(read(sys.argv[1]))
    sys.stdout.write(json.dumps(Probes(outside).results()) + "\n")


if __name__ == "__main__":
    main()
