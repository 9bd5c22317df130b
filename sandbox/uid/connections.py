"""Make the connections of a session that shares its loopback with others: only to sockets that the
session itself listens on.

The filter holds each call that names an address. The monitor copies the arguments, decides, and
makes the call itself on a duplicate of the caller's descriptor. A held call is never allowed to
continue, since its caller could change the arguments meanwhile.
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

# struct user_msghdr: name, name length, iov, iov count, control, control length, flags
_MSGHDR = struct.Struct("=QI4xQQQQI4x")
_MMSGHDR_SENT_OFFSET = 56
_IOVEC = struct.Struct("=QQ")
_CMSGHDR = struct.Struct("=Qii")  # length, level, type
_INT_BYTES = 4


@dataclass(frozen=True)
class _Call:
    """A held call, its process, and a duplicate of its socket."""

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
        """Raise OSError if the caller is gone: what was read may belong to another process."""
        if not self.notification.valid:
            raise OSError(errno.EINTR, "gone")


@dataclass(frozen=True)
class _Message:
    """A copy of a message that a call sends."""

    data: bytes
    raw_address: bytes
    """A ``struct sockaddr``; empty if the call names no address."""
    descriptors: tuple[int, ...] = ()
    """Duplicates of the descriptors that it passes."""

    def control(self) -> list[tuple[int, int, bytes]]:
        if not self.descriptors:
            return []
        packed = struct.pack(f"={len(self.descriptors)}i", *self.descriptors)
        return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, packed)]


class Connections:
    """Answers the held calls of one session."""

    def __init__(self, *, uid: int, index_port: int | None, on_refused: Callable[[], None]):
        """Prepare to answer.

        Args:
            uid: the session's user.
            index_port: the loopback port that it may reach although it does not own it.
            on_refused: called once, before a call is refused since its caller can't be inspected.
        """
        self._on_refused = on_refused
        self._refused = False
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
        """Make the call or refuse it, then answer its caller. Blocks as long as the call does."""
        value = 0
        error = 0
        try:
            process = _process_of(notification.thread)
            with _duplicate_socket(notification, process) as sock:
                handler = self._handlers[notification.number]
                value = handler(_Call(notification, process, sock))
        except syscalls.InspectionRefused:
            self._report_refused()
            error = errno.EPERM
        except OSError as refusal:
            error = refusal.errno or errno.EPERM
        except Exception:  # any failure: the caller must get an answer, and never success
            error = errno.EINVAL
        notification.answer(value, error)

    def _report_refused(self) -> None:
        if not self._refused:
            self._refused = True
            self._on_refused()

    def _connect(self, call: _Call) -> int:
        _, address, length = call.notification.arguments[:3]
        raw_address = call.read_address(address, length)
        call.require_caller()
        if family_of(raw_address) == socket.AF_UNSPEC:
            syscalls.disconnect(call.sock.fileno())
            return 0
        allowed = self._destinations.allowed(
            call.thread,
            call.sock,
            raw_address,
            connecting=True,
        )
        with allowed as destination:
            call.sock.connect(destination.address)
        return 0

    def _sendto(self, call: _Call) -> int:
        _, data, size, flags, address, length = call.notification.arguments
        spans = _bounded(call.sock, [Span(data, size)])
        message = _Message(
            data=syscalls.read_memory(call.thread, spans),
            raw_address=call.read_address(address, length),
        )
        return self._send(call, message, flags)

    def _sendmsg(self, call: _Call) -> int:
        _, header, flags = call.notification.arguments[:3]
        return self._read_and_send(call, header, flags)

    def _sendmmsg(self, call: _Call) -> int:
        """Send the first of the messages; callers must check how many were sent."""
        _, headers, count, flags = call.notification.arguments[:4]
        if not count:
            return 0
        sent = self._read_and_send(call, headers, flags)
        result = struct.pack("=I", sent)
        syscalls.write_memory(call.thread, headers + _MMSGHDR_SENT_OFFSET, result)
        return 1

    def _read_and_send(self, call: _Call, header: int, flags: int) -> int:
        with ExitStack() as stack:
            message = _read_message(call, header, stack)
            return self._send(call, message, flags)

    def _send(self, call: _Call, message: _Message, flags: int) -> int:
        """Send a message; return the number of bytes."""
        sock = call.sock
        flags = (flags & _UNSIGNED_INT) | socket.MSG_NOSIGNAL
        if flags & socket.MSG_FASTOPEN:
            raise OSError(errno.EOPNOTSUPP, "fast open")
        call.require_caller()
        control = message.control()
        takes_address = sock.type == socket.SOCK_DGRAM or sock.family == socket.AF_NETLINK
        if not message.raw_address or not takes_address:
            # The kernel also ignores the address of a message on a connection.
            return sock.sendmsg([message.data], control, flags)
        allowed = self._destinations.allowed(
            call.thread,
            sock,
            message.raw_address,
            connecting=False,
        )
        with allowed as destination:
            if destination.discard:
                return len(message.data)
            return sock.sendmsg([message.data], control, flags, destination.address)


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
    except OSError:  # not a socket
        os.close(descriptor)
        raise
    with sock:
        yield sock


def _read_message(call: _Call, header: int, stack: ExitStack) -> _Message:
    """Copy a message, given the address of its header; ``stack`` closes its descriptors."""
    fields = _MSGHDR.unpack(call.read(header, _MSGHDR.size))
    name, name_length, vectors, count, control, control_length, _flags = fields
    if count > _MAX_SPANS or control_length > _MAX_CONTROL_BYTES:
        raise OSError(errno.EMSGSIZE, "too long")
    table = call.read(vectors, _IOVEC.size * count)
    spans = [Span(address, length) for address, length in _IOVEC.iter_unpack(table)]
    data = syscalls.read_memory(call.thread, _bounded(call.sock, spans))
    raw_address = b""
    if name:
        raw_address = call.read_address(name, name_length)
    descriptors: list[int] = []
    for number in _passed_descriptors(call.sock, call.read(control, control_length)):
        duplicate = syscalls.duplicate_descriptor(call.process, call.thread, number)
        stack.callback(os.close, duplicate)
        descriptors.append(duplicate)
    return _Message(data, raw_address, tuple(descriptors))


def _passed_descriptors(sock: socket.socket, control: bytes) -> list[int]:
    """Return the descriptors that a message passes, by their numbers in the sending process.

    Raises:
        OSError: the control data is malformed, or could redirect the message.
    """
    if control and sock.family != socket.AF_UNIX:
        raise OSError(errno.EPERM, "control data")
    numbers: list[int] = []
    offset = 0
    while offset + _CMSGHDR.size <= len(control):
        length, level, kind = _CMSGHDR.unpack_from(control, offset)
        end = offset + length
        if length < _CMSGHDR.size or end > len(control):
            raise OSError(errno.EINVAL, "control data")
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            packed = control[offset + _CMSGHDR.size : end]
            count = len(packed) // _INT_BYTES
            numbers += struct.unpack_from(f"={count}i", packed)
        # Credentials are left to the kernel.
        offset += _aligned(length)
    return numbers


def _aligned(length: int) -> int:
    """Round up to eight bytes, the alignment of control data."""
    return (length + 7) & ~7


def _bounded(sock: socket.socket, spans: list[Span]) -> list[Span]:
    """Limit the data copied from a message: a stream may send a part, a datagram all or nothing."""
    bounded: list[Span] = []
    remaining = _MAX_DATA_BYTES
    for span in spans:
        if span.length > remaining and sock.type != socket.SOCK_STREAM:
            raise OSError(errno.EMSGSIZE, "too long")
        length = min(span.length, remaining)
        bounded.append(Span(span.address, length))
        remaining -= length
    return bounded
