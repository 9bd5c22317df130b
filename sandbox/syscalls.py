"""System calls that Python has no functions for: seccomp and its notifications, descriptors and
memory of other processes, keyrings.

Numbers and layouts are the kernel's ABI (include/uapi/linux/{seccomp,prctl,keyctl}.h).
"""

import ctypes
import errno
import fcntl
import os
import struct
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from sandbox.syscall_table import syscall_table, this_processor

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

_KEYCTL_JOIN_SESSION_KEYRING = 1
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3
_SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 1 << 5
_SECCOMP_IOCTL_NOTIF_RECV = 0xC0502100
_SECCOMP_IOCTL_NOTIF_SEND = 0xC0182101
_SECCOMP_IOCTL_NOTIF_ID_VALID = 0x40082102
_PIDFD_THREAD = os.O_EXCL

# id, pid, flags, then struct seccomp_data: number, architecture, instruction pointer, arguments
_SECCOMP_NOTIF = struct.Struct("=QIIiIQ6Q")
# id, value, error, flags
_SECCOMP_NOTIF_RESP = struct.Struct("=QqiI")
# the number of instructions, padding, their address
_SOCK_FPROG = struct.Struct("=H6xQ")
_INSTRUCTION_BYTES = 8
# address, length
_IOVEC = struct.Struct("=QQ")
_UIO_MAXIOV = 1024
_SOCKADDR_BYTES = 16


class Span(NamedTuple):
    """A range of another process's memory."""

    address: int
    length: int


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _raise_on_error(result: int) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _syscall(name: str, *arguments: object) -> int:
    number = syscall_table(this_processor()).numbers[name]
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    return _raise_on_error(_libc().syscall(ctypes.c_long(number), *words))


def prctl(option: int, value: int) -> None:
    _raise_on_error(_libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0))


def join_new_session_keyring() -> None:
    """Leave the inherited keyring: any possessor may use its keys, whatever its user id."""
    _syscall("keyctl", _KEYCTL_JOIN_SESSION_KEYRING, None)


def install_filter(program: bytes) -> int:
    """Install a seccomp filter on this thread, irrevocably; return the listener's descriptor."""
    buffer = ctypes.create_string_buffer(program, len(program))
    length = len(program) // _INSTRUCTION_BYTES
    sock_fprog = ctypes.create_string_buffer(_SOCK_FPROG.pack(length, ctypes.addressof(buffer)))
    listen = _SECCOMP_FILTER_FLAG_NEW_LISTENER
    try:
        # Since Linux 5.19: no signal interrupts a call that the monitor has begun to make.
        flags = listen | _SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
        return _syscall("seccomp", _SECCOMP_SET_MODE_FILTER, flags, sock_fprog)
    except OSError:
        return _syscall("seccomp", _SECCOMP_SET_MODE_FILTER, listen, sock_fprog)


def duplicate_descriptor(pid: int, thread: int, number: int) -> int:
    """Duplicate a descriptor of another process.

    The process must have our user id, or this one CAP_SYS_PTRACE.
    """
    try:
        process = _syscall("pidfd_open", thread, _PIDFD_THREAD)  # since Linux 6.9
    except OSError:
        process = _syscall("pidfd_open", pid, 0)
    try:
        return _syscall("pidfd_getfd", process, number, 0)
    finally:
        os.close(process)


def read_memory(thread: int, spans: Iterable[Span]) -> bytes:
    """Return the contents of ranges of another process's memory, concatenated.

    Raises:
        OSError: EFAULT if they can't all be read.
    """
    spans = [span for span in spans if span.length]
    size = sum(span.length for span in spans)
    buffer = ctypes.create_string_buffer(max(1, size))
    if _transfer("process_vm_readv", thread, buffer, size, spans) != size:
        raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
    return buffer.raw[:size]


def write_memory(thread: int, address: int, data: bytes) -> None:
    buffer = ctypes.create_string_buffer(data, len(data))
    span = Span(address, len(data))
    _transfer("process_vm_writev", thread, buffer, len(data), [span])


def _transfer(
    call_name: str,
    thread: int,
    buffer: "ctypes.Array[ctypes.c_char]",
    size: int,
    spans: list[Span],
) -> int:
    """Copy between our buffer and another process's memory; return the number of bytes."""
    call = getattr(_libc(), call_name)
    call.restype = ctypes.c_ssize_t
    copied = 0
    for start in range(0, len(spans), _UIO_MAXIOV):
        part = spans[start : start + _UIO_MAXIOV]
        remote = b"".join(_IOVEC.pack(*span) for span in part)
        local = _IOVEC.pack(ctypes.addressof(buffer) + copied, size - copied)
        result = call(
            thread,
            local,
            ctypes.c_ulong(1),
            remote,
            ctypes.c_ulong(len(part)),
            ctypes.c_ulong(0),
        )
        copied += _raise_on_error(result)
    return copied


class Notification:
    """A system call that the filter holds: its caller, its number, its arguments."""

    def __init__(self, listener: int):
        """Receive the next held call; blocks until there is one.

        Raises:
            FileNotFoundError: its caller is gone.
        """
        data = bytearray(_SECCOMP_NOTIF.size)
        fcntl.ioctl(listener, _SECCOMP_IOCTL_NOTIF_RECV, data)
        fields = _SECCOMP_NOTIF.unpack(data)
        self._listener = listener
        self.id: int = fields[0]
        self.thread: int = fields[1]
        self.number: int = fields[3]
        self.arguments: tuple[int, ...] = fields[6:]

    @property
    def valid(self) -> bool:
        """Whether the caller is still waiting.

        If it is, everything looked up by its thread id belonged to it, not to a later thread with
        the same id.
        """
        try:
            fcntl.ioctl(self._listener, _SECCOMP_IOCTL_NOTIF_ID_VALID, struct.pack("=Q", self.id))
        except OSError:
            return False
        return True

    def answer(self, value: int, error: int = 0) -> None:
        """Complete the call with a result.

        It is never allowed to continue: its arguments may have changed since they were copied.
        """
        response = _SECCOMP_NOTIF_RESP.pack(self.id, value, -error, 0)
        try:
            fcntl.ioctl(self._listener, _SECCOMP_IOCTL_NOTIF_SEND, response)
        except FileNotFoundError:
            return  # the caller was killed meanwhile


def disconnect(descriptor: int) -> None:
    """Call connect() with AF_UNSPEC, which the socket module can't express."""
    address = bytes(_SOCKADDR_BYTES)
    _raise_on_error(_libc().connect(descriptor, address, len(address)))
