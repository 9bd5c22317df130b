"""Where a session may send: to its own listening sockets and to the package index's proxy."""

import errno
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

from sandbox.uid.socket_owners import abstract_socket_owners, listener_owners, unmapped

Address = str | bytes | tuple[str, int] | tuple[str, int, int, int] | tuple[int, int]
"""An address as the socket module accepts it, depending on the family."""

_LOOPBACK = IPv4Address("127.0.0.1")
_LOOPBACK6 = IPv6Address("::1")
_FAMILY_BYTES = 2
_THE_KERNEL = (0, 0)
"""Port and groups of a netlink address."""


@dataclass(frozen=True)
class Destination:
    address: Address
    discard: bool = False
    """The datagram goes to a port without a listener."""


def _protocol(family: int) -> str:
    """Return the kind of address of a family; IPv4 and IPv6 sockets accept each other's."""
    match family:
        case socket.AF_UNIX:
            return "unix"
        case socket.AF_INET | socket.AF_INET6:
            return "ip"
        case socket.AF_NETLINK:
            return "netlink"
        case _:
            return "other"


def family_of(address: bytes) -> int:
    """Return the family of a ``struct sockaddr``."""
    if len(address) < _FAMILY_BYTES:
        return socket.AF_UNSPEC
    family: int = struct.unpack_from("=H", address)[0]
    return family


class Destinations:
    def __init__(self, *, uid: int, index_port: int | None):
        self._uid = uid
        self._index_port = index_port

    @contextmanager
    def allowed(
        self, thread: int, sock: socket.socket, address: bytes, *, connecting: bool
    ) -> Iterator[Destination]:
        """Provide the destination to use instead of the address that a call names.

        Args:
            thread: the caller's thread id.
            sock: a duplicate of the caller's socket.
            address: a copy of the ``struct sockaddr``.
            connecting: whether the call is connect().

        Raises:
            OSError: the session may not reach the address.
        """
        match _protocol(sock.family), _protocol(family_of(address)):
            case "unix", "unix":
                name = address[_FAMILY_BYTES:]
                with self._unix(thread, name) as destination:
                    yield destination
            case "ip", "ip":
                yield self._ip(sock, address, connecting=connecting)
            case "netlink", "netlink":
                yield _netlink(address)
            case _:
                raise OSError(errno.EAFNOSUPPORT, "not a family of this socket's")

    def _ip(self, sock: socket.socket, raw: bytes, *, connecting: bool) -> Destination:
        address, port = _parse_ip(raw)
        if not address.is_loopback:
            raise OSError(errno.ENETUNREACH, "not loopback")
        destination = _ip_destination(sock, address, port)
        stream = sock.type == socket.SOCK_STREAM
        if self._is_index(address, port, stream=stream):
            return destination
        owners = listener_owners(address, port, stream=stream)
        if owners == {self._uid}:
            return destination
        if connecting or stream or owners:
            raise OSError(errno.ECONNREFUSED, "not the session's own")
        return replace(destination, discard=True)

    def _is_index(self, address: IPv4Address | IPv6Address, port: int, *, stream: bool) -> bool:
        return stream and port == self._index_port and address == _LOOPBACK

    @contextmanager
    def _unix(self, thread: int, name: bytes) -> Iterator[Destination]:
        if name[:1] == b"\0":
            if abstract_socket_owners(name) != {self._uid}:
                raise OSError(errno.ECONNREFUSED, "not the session's own")
            yield Destination(name)
            return
        # Open the socket's file, so that it can't be replaced before it is connected to.
        folder = os.open(f"/proc/{thread}/cwd", os.O_PATH)
        try:
            file = os.open(name.split(b"\0")[0], os.O_PATH | os.O_CLOEXEC, dir_fd=folder)
        finally:
            os.close(folder)
        try:
            status = os.fstat(file)
            if not stat.S_ISSOCK(status.st_mode) or status.st_uid != self._uid:
                raise OSError(errno.ECONNREFUSED, "not the session's own")
            yield Destination(f"/proc/self/fd/{file}")
        finally:
            os.close(file)


def _parse_ip(raw: bytes) -> tuple[IPv4Address | IPv6Address, int]:
    """Parse a ``struct sockaddr_in`` or ``sockaddr_in6``."""
    port: int = struct.unpack_from(">H", raw, 2)[0]
    if family_of(raw) == socket.AF_INET:
        address: IPv4Address | IPv6Address = IPv4Address(raw[4:8])
    else:
        address = unmapped(IPv6Address(raw[8:24]))
    if address.is_unspecified:  # the kernel treats it as loopback
        address = _LOOPBACK if address.version == 4 else _LOOPBACK6
    return address, port


def _ip_destination(
    sock: socket.socket, address: IPv4Address | IPv6Address, port: int
) -> Destination:
    host = str(address)
    if sock.family == socket.AF_INET:
        return Destination((host, port))
    if address.version == 4:
        host = f"::ffff:{host}"
    return Destination((host, port, 0, 0))


def _netlink(raw: bytes) -> Destination:
    if struct.unpack_from("=II", raw, 4) != _THE_KERNEL:
        raise OSError(errno.EPERM, "only the kernel")
    return Destination(_THE_KERNEL)
