"""Makes the connections of a session that shares its loopback with others: only to what the session
itself listens on.

The filter holds each call that names an address. The monitor, a process under the session's own
user id, copies the arguments, decides, and makes the call itself on a duplicate of the caller's
descriptor: the call is never let go on, since its caller could change the arguments meanwhile.
Having the session's id and no more, the monitor sees exactly the sockets, files and processes that
the session may see."""

import contextlib
import errno
import os
import socket
import stat
import struct
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

from sandbox import syscalls as linux
from sandbox.seccomp import HELD, NUMBERS
from sandbox.syscalls import Notification

_MAX_ADDRESS = 128
_MAX_BYTES = 4 * 1024**2
_MAX_SPANS = 1024
_LISTENING = "0A"
_SOCK_DIAG_BY_FAMILY = 20
_DUMP = 0x301
_SHOW_NAME_AND_UID = 0x41
_ATTRIBUTE_NAME = 0
_ATTRIBUTE_UID = 7

Address = Any
"""As the socket module takes it."""


class Connections:
    """Answers held calls of one session. ``port`` is the one on loopback that it may reach though
    it isn't its own.
    """

    def __init__(self, *, uid: int, machine: str, port: int | None):
        column = 0 if machine == "x86_64" else 1
        self._calls = {NUMBERS[name][column]: getattr(self, f"_{name}") for name in HELD}
        self._uid = uid
        self._port = port

    def answer(self, held: Notification) -> None:
        """Make the call, or refuse it, and tell its caller. Blocks as long as the call does."""
        value = 0
        error = 0
        try:
            status = Path(f"/proc/{held.thread}/status").read_text()
            process = int(status.partition("Tgid:")[2].split()[0])
            number = linux.descriptor_of(process, held.thread, held.arguments[0] & 0xFFFFFFFF)
            try:
                sock = socket.socket(fileno=number)
            except OSError:  # no socket
                os.close(number)
                raise
            with sock:
                value = self._calls[held.number](held, process, sock)
        except OSError as refused:
            error = refused.errno or errno.EPERM
        except (
            Exception
        ):  # whatever it was: the caller must be answered, and not with what it asked for
            error = errno.EINVAL
        held.answer(value, error)

    def _connect(self, held: Notification, process: int, sock: socket.socket) -> int:
        _, address, length = held.arguments[:3]
        with self._checked(held, sock, _copied(held, address, length), connecting=True) as (
            allowed,
            _,
        ):
            if allowed is None:
                linux.disconnect(sock.fileno())
            else:
                sock.connect(allowed)
        return 0

    def _sendto(self, held: Notification, process: int, sock: socket.socket) -> int:
        _, data, size, flags, address, length = held.arguments
        spans = _bounded(sock, [(data, size)])
        raw = _copied(held, address, length)
        return self._send(held, sock, linux.memory_of(held.thread, spans), [], flags, raw)

    def _sendmsg(self, held: Notification, process: int, sock: socket.socket) -> int:
        return self._message(held, process, sock, held.arguments[1], held.arguments[2])

    def _sendmmsg(self, held: Notification, process: int, sock: socket.socket) -> int:
        """One of the messages; callers must look how many were sent."""
        _, message, count, flags = held.arguments[:4]
        if not count:
            return 0
        sent = self._message(held, process, sock, message, flags)
        linux.write_memory_of(held.thread, message + 56, struct.pack("=I", sent))
        return 1

    def _message(
        self, held: Notification, process: int, sock: socket.socket, message: int, flags: int
    ) -> int:
        # struct user_msghdr: name, its length, iov, their number, control, its length, flags
        header = struct.unpack("=QI4xQQQQI4x", linux.memory_of(held.thread, [(message, 56)]))
        name, length, vectors, count, control, control_length, _ = header
        if count > _MAX_SPANS or control_length > 64 * 1024:
            raise OSError(errno.EMSGSIZE, "too long")
        table = linux.memory_of(held.thread, [(vectors, 16 * count)])
        spans = _bounded(sock, [struct.unpack_from("=QQ", table, 16 * at) for at in range(count)])
        data = linux.memory_of(held.thread, spans)
        raw = _copied(held, name, length) if name else b""
        passed = self._passed(
            held, process, sock, linux.memory_of(held.thread, [(control, control_length)])
        )
        try:
            return self._send(held, sock, data, passed, flags, raw)
        finally:
            for number in passed:
                os.close(number)

    def _passed(
        self, held: Notification, process: int, sock: socket.socket, control: bytes
    ) -> list[int]:
        """Duplicates of the descriptors that a message passes. Other control data could send it on
        a detour.
        """
        if control and sock.family != socket.AF_UNIX:
            raise OSError(errno.EPERM, "control data")
        passed = []
        at = 0
        while at + 16 <= len(control):
            length, level, kind = struct.unpack_from("=Qii", control, at)
            if length < 16 or at + length > len(control):
                raise OSError(errno.EINVAL, "control data")
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                numbers = struct.unpack_from(f"={(length - 16) // 4}i", control, at + 16)
                passed += [linux.descriptor_of(process, held.thread, number) for number in numbers]
            at += (length + 7) & ~7  # credentials are left to the kernel
        return passed

    def _send(
        self,
        held: Notification,
        sock: socket.socket,
        data: bytes,
        passed: list[int],
        flags: int,
        raw: bytes,
    ) -> int:
        flags = (flags & 0xFFFFFFFF) | socket.MSG_NOSIGNAL
        if flags & socket.MSG_FASTOPEN:
            raise OSError(errno.EOPNOTSUPP, "fast open")
        rights = (
            [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"={len(passed)}i", *passed))]
            if passed
            else []
        )
        if not raw or (sock.type != socket.SOCK_DGRAM and sock.family != socket.AF_NETLINK):
            if not held.valid:
                raise OSError(errno.EINTR, "gone")
            return sock.sendmsg(
                [data], rights, flags
            )  # a connection's peer stands: names are ignored there
        with self._checked(held, sock, raw, connecting=False) as (allowed, dropped):
            return len(data) if dropped else sock.sendmsg([data], rights, flags, allowed)

    @contextlib.contextmanager
    def _checked(
        self, held: Notification, sock: socket.socket, raw: bytes, *, connecting: bool
    ) -> Any:
        """The address that was asked for, if it is the session's own: (None, ...) is AF_UNSPEC, which disconnects;
        (..., True) is a datagram to nobody."""
        (family,) = struct.unpack_from("=H", raw) if len(raw) >= 2 else (0,)
        with contextlib.ExitStack() as stack:
            if not held.valid:
                raise OSError(errno.EINTR, "gone")
            if family == socket.AF_UNSPEC and connecting:
                yield None, False
            elif family == socket.AF_UNIX and sock.family == socket.AF_UNIX:
                yield self._unix(held, raw[2:], stack.callback), False
            elif family in (socket.AF_INET, socket.AF_INET6) and sock.family in (
                socket.AF_INET,
                socket.AF_INET6,
            ):
                yield self._inet(sock, family, raw, connecting)
            elif family == socket.AF_NETLINK and sock.family == socket.AF_NETLINK:
                if struct.unpack_from("=II", raw, 4) != (0, 0):
                    raise OSError(errno.EPERM, "only the kernel")
                yield (0, 0), False
            else:
                raise OSError(errno.EAFNOSUPPORT, "not a family of this socket's")

    def _inet(
        self, sock: socket.socket, family: int, raw: bytes, connecting: bool
    ) -> tuple[Address, bool]:
        port = struct.unpack_from(">H", raw, 2)[0]
        asked: IPv4Address | IPv6Address = (
            IPv4Address(raw[4:8]) if family == socket.AF_INET else IPv6Address(raw[8:24])
        )
        address = getattr(asked, "ipv4_mapped", None) or asked
        if address.is_unspecified:  # the kernel takes it for loopback
            address = IPv4Address("127.0.0.1") if address.version == 4 else IPv6Address("::1")
        if not address.is_loopback:
            raise OSError(errno.ENETUNREACH, "not loopback")
        stream = sock.type == socket.SOCK_STREAM
        owners = listeners(address, port, stream=stream)
        if not (stream and port == self._port and str(address) == "127.0.0.1") and owners != {
            self._uid
        }:
            if connecting or stream or owners:
                raise OSError(errno.ECONNREFUSED, "not the session's own")
            return None, True
        if sock.family == socket.AF_INET:
            return (str(address), port), False
        return (f"::ffff:{address}" if address.version == 4 else str(address), port, 0, 0), False

    def _unix(self, held: Notification, name: bytes, later: Callable[..., object]) -> Address:
        """By descriptor of the socket's file, which so can't be another one by the time it is
        connected to.
        """
        if name[:1] == b"\0":
            if abstract_owners(name) != {self._uid}:
                raise OSError(errno.ECONNREFUSED, "not the session's own")
            return name
        folder = os.open(f"/proc/{held.thread}/cwd", os.O_PATH)
        later(os.close, folder)
        file = os.open(name.split(b"\0")[0], os.O_PATH | os.O_CLOEXEC, dir_fd=folder)
        later(os.close, file)
        found = os.fstat(file)
        if not stat.S_ISSOCK(found.st_mode) or found.st_uid != self._uid:
            raise OSError(errno.ECONNREFUSED, "not the session's own")
        return f"/proc/self/fd/{file}"


def listeners(address: IPv4Address | IPv6Address, port: int, *, stream: bool) -> set[int]:
    """Whose sockets take what is sent to a loopback address and port: user ids, from /proc/net."""
    same = {str(address), "0.0.0.0" if address.version == 4 else "::", "::"}  # noqa: S104
    owners: set[int] = set()
    for name in ("tcp", "tcp6") if stream else ("udp", "udp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            _, local, _, state, _, _, _, uid, *_ = line.split()
            where, _, number = local.partition(":")
            if (
                int(number, 16) == port
                and (not stream or state == _LISTENING)
                and _kernel_address(where) in same
            ):
                owners.add(int(uid))
    return owners


def _kernel_address(text: str) -> str:
    """/proc/net prints addresses as 32-bit words of this machine's byte order."""
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    found = ip_address(b"".join(words))
    return str(getattr(found, "ipv4_mapped", None) or found)


def abstract_owners(name: bytes) -> set[int]:
    """Whose sockets have an abstract name (sock_diag(7)); OSError where the kernel can't tell."""
    owners: set[int] = set()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as diag:  # NETLINK_SOCK_DIAG
        ask = struct.pack(
            "=BBHIIIII", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, _SHOW_NAME_AND_UID, 0, 0
        )
        diag.sendto(
            struct.pack("=IHHII", 16 + len(ask), _SOCK_DIAG_BY_FAMILY, _DUMP, 1, 0) + ask, (0, 0)
        )
        while True:
            data = diag.recv(1 << 18)
            at = 0
            while at + 16 <= len(data):
                length, kind = struct.unpack_from("=IH", data, at)
                if kind == 3:  # NLMSG_DONE
                    return owners
                if kind == 2:  # NLMSG_ERROR
                    raise OSError(errno.EPERM, "no socket diagnostics")
                told = _attributes(data[at + 32 : at + length])
                if told.get(_ATTRIBUTE_NAME) == name:
                    owners.add(struct.unpack("=I", told[_ATTRIBUTE_UID])[0])
                at += (length + 3) & ~3


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            break
        found[kind] = data[at + 4 : at + length]
        at += (length + 3) & ~3
    return found


def _copied(held: Notification, address: int, length: int) -> bytes:
    return linux.memory_of(held.thread, [(address, min(length & 0xFFFFFFFF, _MAX_ADDRESS))])


def _bounded(sock: socket.socket, spans: list[Any]) -> list[tuple[int, int]]:
    """What is copied of a message: a stream may take a part, a datagram is whole or nothing."""
    kept = []
    left = _MAX_BYTES
    for address, length in spans:
        if length > left and sock.type != socket.SOCK_STREAM:
            raise OSError(errno.EMSGSIZE, "too long")
        kept.append((address, min(length, left)))
        left -= kept[-1][1]
    return kept
