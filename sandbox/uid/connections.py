"""Makes the connections of a session that shares its loopback with others: only to what the session
itself listens on.

The filter holds each call that names an address. The monitor copies the arguments, decides, and
makes the call itself on a duplicate of the caller's descriptor. A held call is never let continue,
since its caller could change the arguments meanwhile.
"""

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox import syscalls
from sandbox.seccomp import HELD_CALLS
from sandbox.syscall_table import syscall_table, this_processor
from sandbox.syscalls import Notification, Span
from sandbox.uid.destinations import Destinations, family_of

_MAX_ADDRESS_BYTES = 128
_MAX_DATA_BYTES = 4 * 1024**2
_MAX_SPANS = 1024
_MAX_CONTROL_BYTES = 64 * 1024
_UNSIGNED_INT = 0xFFFFFFFF

# struct user_msghdr: name, its length, iov, their number, control, its length, flags
_MSGHDR = struct.Struct("=QI4xQQQQI4x")
_MMSGHDR_SENT_OFFSET = 56
_IOVEC = struct.Struct("=QQ")
_CMSGHDR = struct.Struct("=Qii")  # length, level, type
_CMSG_ALIGNMENT = 8


@dataclass(frozen=True)
class _Call:
    """A held call, and duplicates of what it works on."""

    notification: Notification
    process: int
    sock: socket.socket

    @property
    def thread(self) -> int:
        return self.notification.thread

    def read(self, address: int, length: int) -> bytes:
        return syscalls.read_memory(self.thread, [Span(address, length)])

    def read_address(self, address: int, length: int) -> bytes:
        return self.read(address, min(length & _UNSIGNED_INT, _MAX_ADDRESS_BYTES))

    def require_caller(self) -> None:
        """Raise OSError where the caller is gone: what was read may be another process's."""
        if not self.notification.valid:
            raise OSError(errno.EINTR, "gone")


class Connections:
    """Answers the held calls of one session."""

    def __init__(self, *, uid: int, index_port: int | None):
        """``index_port``: the one on loopback that it may reach though it isn't its own."""
        self._destinations = Destinations(uid=uid, index_port=index_port)
        handlers: dict[str, Callable[[_Call], int]] = {
            "connect": self._connect,
            "sendto": self._sendto,
            "sendmsg": self._sendmsg,
            "sendmmsg": self._sendmmsg,
        }
        numbers = syscall_table(this_processor()).numbers
        self._handlers = {numbers[name]: handlers[name] for name in HELD_CALLS}

    def answer(self, notification: Notification) -> None:
        """Make the call or refuse it, and answer its caller. Blocks as long as the call does."""
        value = 0
        error = 0
        try:
            process = _process_of(notification.thread)
            with _duplicate_socket(notification, process) as sock:
                handler = self._handlers[notification.number]
                value = handler(_Call(notification, process, sock))
        except OSError as refusal:
            error = refusal.errno or errno.EPERM
        except Exception:  # whatever it is, the caller must get an answer, and no success
            error = errno.EINVAL
        notification.answer(value, error)

    def _connect(self, call: _Call) -> int:
        _, address, length = call.notification.arguments[:3]
        raw = call.read_address(address, length)
        call.require_caller()
        if family_of(raw) == socket.AF_UNSPEC:
            syscalls.disconnect(call.sock.fileno())
            return 0
        with self._destinations.allowed(
            call.thread, call.sock, raw, connecting=True
        ) as destination:
            call.sock.connect(destination.address)
        return 0

    def _sendto(self, call: _Call) -> int:
        _, data, size, flags, address, length = call.notification.arguments
        spans = _bounded(call.sock, [Span(data, size)])
        raw = call.read_address(address, length)
        return self._send(call, syscalls.read_memory(call.thread, spans), [], flags, raw)

    def _sendmsg(self, call: _Call) -> int:
        _, message, flags = call.notification.arguments[:3]
        return self._send_message(call, message, flags)

    def _sendmmsg(self, call: _Call) -> int:
        """Send one of the messages; callers must check how many were sent."""
        _, messages, count, flags = call.notification.arguments[:4]
        if not count:
            return 0
        sent = self._send_message(call, messages, flags)
        syscalls.write_memory(call.thread, messages + _MMSGHDR_SENT_OFFSET, struct.pack("=I", sent))
        return 1

    def _send_message(self, call: _Call, message: int, flags: int) -> int:
        header = _MSGHDR.unpack(call.read(message, _MSGHDR.size))
        name, name_length, vectors, count, control, control_length, _ = header
        if count > _MAX_SPANS or control_length > _MAX_CONTROL_BYTES:
            raise OSError(errno.EMSGSIZE, "too long")
        table = call.read(vectors, _IOVEC.size * count)
        spans = [Span(*fields) for fields in _IOVEC.iter_unpack(table)]
        data = syscalls.read_memory(call.thread, _bounded(call.sock, spans))
        raw = call.read_address(name, name_length) if name else b""
        with ExitStack() as stack:
            descriptors = _duplicate_passed(call, call.read(control, control_length), stack)
            return self._send(call, data, descriptors, flags, raw)

    def _send(
        self, call: _Call, data: bytes, descriptors: list[int], flags: int, raw: bytes
    ) -> int:
        """Send data and descriptors to the address ``raw``; return the number of bytes."""
        sock = call.sock
        flags = (flags & _UNSIGNED_INT) | socket.MSG_NOSIGNAL
        if flags & socket.MSG_FASTOPEN:
            raise OSError(errno.EOPNOTSUPP, "fast open")
        control = []
        if descriptors:
            packed = struct.pack(f"={len(descriptors)}i", *descriptors)
            control.append((socket.SOL_SOCKET, socket.SCM_RIGHTS, packed))
        call.require_caller()
        takes_address = sock.type == socket.SOCK_DGRAM or sock.family == socket.AF_NETLINK
        if not raw or not takes_address:
            # The kernel ignores the address of a message on a connection, too.
            return sock.sendmsg([data], control, flags)
        with self._destinations.allowed(call.thread, sock, raw, connecting=False) as destination:
            if destination.discard:
                return len(data)
            return sock.sendmsg([data], control, flags, destination.address)


def _process_of(thread: int) -> int:
    status = Path(f"/proc/{thread}/status").read_text()
    return int(status.partition("Tgid:")[2].split()[0])


@contextmanager
def _duplicate_socket(notification: Notification, process: int) -> Iterator[socket.socket]:
    """Duplicate the socket that a call is made on."""
    number = notification.arguments[0] & _UNSIGNED_INT
    descriptor = syscalls.duplicate_descriptor(process, notification.thread, number)
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError:  # no socket
        os.close(descriptor)
        raise
    with sock:
        yield sock


def _duplicate_passed(call: _Call, control: bytes, stack: ExitStack) -> list[int]:
    """Duplicate the descriptors that a message passes; ``stack`` closes them.

    Raises:
        OSError: there is other control data, which could send the message elsewhere.
    """
    if control and call.sock.family != socket.AF_UNIX:
        raise OSError(errno.EPERM, "control data")
    descriptors: list[int] = []
    offset = 0
    while offset + _CMSGHDR.size <= len(control):
        length, level, kind = _CMSGHDR.unpack_from(control, offset)
        if length < _CMSGHDR.size or offset + length > len(control):
            raise OSError(errno.EINVAL, "control data")
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            count = (length - _CMSGHDR.size) // 4
            for number in struct.unpack_from(f"={count}i", control, offset + _CMSGHDR.size):
                descriptor = syscalls.duplicate_descriptor(call.process, call.thread, number)
                stack.callback(os.close, descriptor)
                descriptors.append(descriptor)
        # Credentials are left to the kernel.
        offset += (length + _CMSG_ALIGNMENT - 1) & -_CMSG_ALIGNMENT
    return descriptors


def _bounded(sock: socket.socket, spans: list[Span]) -> list[Span]:
    """Return what is copied of a message: a stream may send a part, a datagram all or nothing."""
    bounded: list[Span] = []
    left = _MAX_DATA_BYTES
    for span in spans:
        if span.length > left and sock.type != socket.SOCK_STREAM:
            raise OSError(errno.EMSGSIZE, "too long")
        length = min(span.length, left)
        bounded.append(Span(span.address, length))
        left -= length
    return bounded
