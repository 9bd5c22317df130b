"""System calls that Python has no functions for: seccomp and its notifications, descriptors and
memory of other processes, keyrings.

Numbers and layouts are the kernel's ABI (include/uapi/linux/{seccomp,prctl,keyctl}.h).
"""

import ctypes
import errno
import fcntl
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

from sandbox.syscall_table import syscall_table, this_processor

PR_SET_PDEATHSIG = 1
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


def install_filter(program: bytes) -> None:
    """Install a seccomp filter on this thread, irrevocably."""
    _install_filter(program, flags=0)


def install_listening_filter(program: bytes) -> int:
    """Install a seccomp filter that holds calls; return the descriptor of their listener."""
    listen = _SECCOMP_FILTER_FLAG_NEW_LISTENER
    try:
        # Since Linux 5.19: no signal interrupts a call that the monitor has begun to make.
        return _install_filter(program, flags=listen | _SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
    except OSError:
        return _install_filter(program, flags=listen)


def _install_filter(program: bytes, *, flags: int) -> int:
    buffer = ctypes.create_string_buffer(program, len(program))
    length = len(program) // _INSTRUCTION_BYTES
    sock_fprog = ctypes.create_string_buffer(_SOCK_FPROG.pack(length, ctypes.addressof(buffer)))
    return _syscall("seccomp", _SECCOMP_SET_MODE_FILTER, flags, sock_fprog)


class InspectionRefused(PermissionError):
    """The kernel or the container's runtime does not let this process inspect another one."""


@contextmanager
def _inspecting() -> Iterator[None]:
    """Raise InspectionRefused if a call is not permitted, or unknown to the runtime's filter."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            raise InspectionRefused(errno.EPERM, os.strerror(errno.EPERM)) from error
        raise


def duplicate_descriptor(pid: int, thread: int, number: int) -> int:
    """Duplicate a descriptor of another process.

    The process must have our user id, or this one CAP_SYS_PTRACE.

    Raises:
        InspectionRefused: it is not permitted.
    """
    with _inspecting():
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

    They are read from a file: container runtimes filter process_vm_readv(), which has the same
    access check (ptrace(2), PTRACE_MODE_ATTACH).

    Raises:
        OSError: EFAULT if they can't all be read.
        InspectionRefused: it is not permitted.
    """
    parts: list[bytes] = []
    with _opened_memory(thread, os.O_RDONLY) as memory:
        for span in spans:
            parts.append(_read_span(memory, span))
    return b"".join(parts)


def write_memory(thread: int, address: int, data: bytes) -> None:
    """Write to another process's memory.

    Raises:
        OSError: EFAULT if it can't be written.
        InspectionRefused: it is not permitted.
    """
    with _opened_memory(thread, os.O_WRONLY) as memory:
        if os.pwrite(memory, data, address) != len(data):
            raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))


@contextmanager
def _opened_memory(thread: int, flags: int) -> Iterator[int]:
    """Provide a descriptor of a process's memory, whose offsets are addresses (proc(5))."""
    with _inspecting():
        memory = os.open(f"/proc/{thread}/mem", flags | os.O_CLOEXEC)
    try:
        yield memory
    except (OverflowError, OSError) as error:  # not an address, or none with memory
        raise OSError(errno.EFAULT, os.strerror(errno.EFAULT)) from error
    finally:
        os.close(memory)


def _read_span(memory: int, span: Span) -> bytes:
    data = bytearray()
    while len(data) < span.length:
        part = os.pread(memory, span.length - len(data), span.address + len(data))
        if not part:
            raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
        data += part
    return bytes(data)


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
