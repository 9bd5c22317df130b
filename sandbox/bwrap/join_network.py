"""A program that listens on a port inside a sandbox's network and passes the socket to its parent.

    python -I -S join_network.py PID DESCRIPTOR PORT

PID is a process in the sandbox, whose user and network namespaces are joined. DESCRIPTOR is the end
of a unix socket pair that the listening socket is sent on.
"""

import ctypes
import os
import socket
import sys


def join_namespace(pid: int, kind: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    namespace = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
    if libc.setns(namespace, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"setns {kind}")


def in_same_user_namespace(pid: int) -> bool:
    # Strings instead of Path objects: the program starts faster without importing pathlib.
    own = os.readlink("/proc/self/ns/user")  # noqa: PTH115
    theirs = os.readlink(f"/proc/{pid}/ns/user")  # noqa: PTH115
    return own == theirs


def main() -> None:
    pid = int(sys.argv[1])
    descriptor = int(sys.argv[2])
    port = int(sys.argv[3])
    if not in_same_user_namespace(pid):
        join_namespace(pid, "user")
    join_namespace(pid, "net")
    listener = socket.create_server(("", port))
    parent = socket.socket(fileno=descriptor)
    socket.send_fds(parent, [b"."], [listener.fileno()])


if __name__ == "__main__":
    main()
