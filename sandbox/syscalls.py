"""The system calls that Python has no name for: seccomp and its notifications, descriptors and
memory of another process, keyrings. Numbers and layouts are the kernel's ABI
(include/uapi/linux/{seccomp,prctl,keyctl}.h)."""

import ctypes
import fcntl
import os
import platform
import struct
from functools import cache

PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_SET_PDEATHSIG = 1
_KEYCTL_JOIN_SESSION_KEYRING = 1
_SECCOMP_SET_MODE_FILTER = 1
_NEW_LISTENER = 1 << 3
_WAIT_KILLABLE = 1 << 5
_NOTIF_RECV = 0xC0502100
_NOTIF_SEND = 0xC0182101
_NOTIF_ID_VALID = 0x40082102
_NUMBERS = {
    "x86_64": {"seccomp": 317, "keyctl": 250, "pidfd_open": 434, "pidfd_getfd": 438},
    "aarch64": {"seccomp": 277, "keyctl": 219, "pidfd_open": 434, "pidfd_getfd": 438},
}


def machine() -> str:
    """``x86_64`` or ``aarch64``; OSError elsewhere: there is no table of system calls for it."""
    name = platform.machine()
    if name not in _NUMBERS:
        raise OSError(f"there is no seccomp filter for {name} processors")
    return name


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _syscall(name: str, *arguments: object) -> int:
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    return _checked(_libc().syscall(ctypes.c_long(_NUMBERS[machine()][name]), *words))


def prctl(option: int, value: int) -> None:
    _checked(_libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0))


def join_new_session_keyring() -> None:
    """Leave the keyring that was inherited: its keys are its possessor's, whatever the user id."""
    _syscall("keyctl", _KEYCTL_JOIN_SESSION_KEYRING, None)


def install_filter(program: bytes) -> int:
    """Put a seccomp filter on this thread, for ever; gives the descriptor on which held calls are
    told.
    """
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: the number of instructions, padding, where they are
    described = ctypes.create_string_buffer(
        struct.pack("=H6xQ", len(program) // 8, ctypes.addressof(buffer))
    )
    # since Linux 5.19: a signal does not interrupt a call that the supervisor has begun to make
    try:
        return _syscall(
            "seccomp", _SECCOMP_SET_MODE_FILTER, _NEW_LISTENER | _WAIT_KILLABLE, described
        )
    except OSError:
        return _syscall("seccomp", _SECCOMP_SET_MODE_FILTER, _NEW_LISTENER, described)


def descriptor_of(pid: int, thread: int, number: int) -> int:
    """A duplicate of a descriptor of another process, which must have our user id (or need
    CAP_SYS_PTRACE).
    """
    try:
        process = _syscall("pidfd_open", thread, os.O_EXCL)  # PIDFD_THREAD, since Linux 6.9
    except OSError:
        process = _syscall("pidfd_open", pid, 0)
    try:
        return _syscall("pidfd_getfd", process, number, 0)
    finally:
        os.close(process)


def memory_of(thread: int, spans: list[tuple[int, int]]) -> bytes:
    """Copy (address, length) spans out of another process; OSError(EFAULT) where they are not all
    there.
    """
    spans = [span for span in spans if span[1]]
    size = sum(length for _, length in spans)
    here = ctypes.create_string_buffer(max(1, size))
    if _vm("process_vm_readv", thread, here, size, spans) != size:
        raise OSError(14, os.strerror(14))
    return here.raw[:size]


def write_memory_of(thread: int, address: int, data: bytes) -> None:
    _vm(
        "process_vm_writev",
        thread,
        ctypes.create_string_buffer(data, len(data)),
        len(data),
        [(address, len(data))],
    )


def _vm(
    name: str,
    thread: int,
    here: "ctypes.Array[ctypes.c_char]",
    size: int,
    spans: list[tuple[int, int]],
) -> int:
    local = struct.pack("=QQ", ctypes.addressof(here), size)
    remote = b"".join(struct.pack("=QQ", *span) for span in spans)
    done = 0
    for start in range(0, len(remote), 16 * 1024):  # UIO_MAXIOV
        part = remote[start : start + 16 * 1024]
        local = struct.pack("=QQ", ctypes.addressof(here) + done, size - done)
        call = getattr(_libc(), name)
        call.restype = ctypes.c_ssize_t
        done += _checked(
            call(
                thread,
                local,
                ctypes.c_ulong(1),
                part,
                ctypes.c_ulong(len(part) // 16),
                ctypes.c_ulong(0),
            )
        )
    return done


class Notification:
    """A system call that the filter holds: who called, which, with what arguments."""

    def __init__(self, listener: int):
        """Takes the next one; OSError(ENOENT) where its caller is gone."""
        data = bytearray(80)
        fcntl.ioctl(listener, _NOTIF_RECV, data)
        self._listener = listener
        self.id, self.thread, _, self.number, _, _, *self.arguments = struct.unpack(
            "=QIIiIQ6Q", data
        )

    @property
    def valid(self) -> bool:
        """Whether the caller still waits: what was looked up by its id was its own, and not a
        successor's.
        """
        try:
            fcntl.ioctl(self._listener, _NOTIF_ID_VALID, struct.pack("=Q", self.id))
        except OSError:
            return False
        return True

    def answer(self, value: int, error: int = 0) -> None:
        """End the call for its caller. It is never let go on: its arguments may have changed since
        they were copied.
        """
        try:
            fcntl.ioctl(
                self._listener, _NOTIF_SEND, struct.pack("=QqiI", self.id, value, -error, 0)
            )
        except FileNotFoundError:
            return  # the caller was killed meanwhile


def disconnect(descriptor: int) -> None:
    """connect() to AF_UNSPEC, which Python can't say."""
    _checked(_libc().connect(descriptor, bytes(16), 16))
