"""The seccomp filter, run here as the kernel would run it, instruction by instruction."""

import errno
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.seccomp import HELD_CALLS, assemble_filter
from sandbox.syscall_table import syscall_table

KILL = 0x80000000
ERRNO = 0x00050000
HOLD = 0x7FC00000
ALLOW = 0x7FFF0000
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MONITOR = 4711


def decided(
    machine: str, number: int, *arguments: int, arch: int | None = None, hold: bool = True
) -> int:
    """Classic BPF (include/uapi/linux/bpf_common.h) over struct seccomp_data."""
    words = [word & (1 << 64) - 1 for word in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
    data = struct.pack("=IIQ6Q", number & 0xFFFFFFFF, arch or MACHINES[machine], 0, *words)
    code = list(
        struct.iter_unpack("=HBBI", assemble_filter(machine, monitor=MONITOR if hold else None))
    )
    at = accumulator = 0
    for _ in range(len(code)):
        operation, yes, no, value = code[at]
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, value)
            case 0x54:
                accumulator &= value
            case 0x05:
                at += value
            case 0x15:
                at += yes if accumulator == value else no
            case 0x35:
                at += yes if accumulator >= value else no
            case 0x45:
                at += yes if accumulator & value else no
            case 0x06:
                return value
            case _:
                raise AssertionError(f"the kernel would refuse {operation:#x}")
    raise AssertionError("it ran past its end")


def of(machine: str, name: str, *arguments: int, hold: bool = True) -> int:
    number = syscall_table(machine).numbers.get(name)
    return ALLOW if number is None else decided(machine, number, *arguments, hold=hold)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("ptrace", (0,), ERRNO | errno.EPERM),
        ("clone3", (), ERRNO | errno.ENOSYS),
        ("fallocate", (3,), ERRNO | errno.EOPNOTSUPP),
        ("clone", (0x11,), ALLOW),
        ("clone", (0x10000011,), ERRNO | errno.EPERM),
        ("ioctl", (0, 0x5412), ERRNO | errno.EPERM),
        ("ioctl", (0, 0x1_0000_5412), ERRNO | errno.EPERM),  # the kernel looks at 32 bits of it
        ("ioctl", (0, 0x5413), ALLOW),
        ("prctl", (4, 0), ERRNO | 0),
        ("prctl", (3,), ALLOW),
        ("prlimit64", (0, 7), ALLOW),
        ("prlimit64", (5, 7), ERRNO | errno.EPERM),
        ("seccomp", (1, 8), ERRNO | errno.EPERM),
        ("seccomp", (1, 0), ALLOW),
        ("personality", (0xFFFFFFFF,), ALLOW),
        ("personality", (0x0040000,), ERRNO | errno.EPERM),
        ("socket", (2, 1, 0), ALLOW),
        ("socket", (10, 2 | 0o2000000, 17), ALLOW),
        ("socket", (1, 5, 0), ALLOW),
        ("socket", (16, 3, 0), ALLOW),
        ("socket", (16, 3, 12), ERRNO | errno.EPROTONOSUPPORT),
        ("socket", (2, 3, 0), ERRNO | errno.EPERM),
        ("socket", (2, 2, 1), ERRNO | errno.EPROTONOSUPPORT),
        ("socket", (40, 1, 0), ERRNO | errno.EAFNOSUPPORT),
        ("setsockopt", (3, 0, 4), ERRNO | errno.EPERM),
        ("setsockopt", (3, 41, 57), ERRNO | errno.EPERM),
        ("setsockopt", (3, 1, 2), ALLOW),
        ("fchmod", (3, 0o755), ALLOW),
        ("fchmod", (3, 0o4755), ERRNO | errno.EPERM),
        ("openat", (0, 0, 0, 0o4755), ALLOW),  # the mode counts with O_CREAT alone
        ("openat", (0, 0, 0o100, 0o4755), ERRNO | errno.EPERM),
        ("connect", (3,), HOLD),
        ("sendmsg", (3,), HOLD),
        ("sendto", (3, 0, 0, 0, 0), ALLOW),
        ("sendto", (3, 0, 0, 0, 1), HOLD),
        ("sendto", (3, 0, 0, 0, 1 << 32), HOLD),
        ("kill", (-1 & 0xFFFFFFFF,), ERRNO | errno.EPERM),
        ("kill", (MONITOR,), ERRNO | errno.EPERM),
        ("kill", (MONITOR + 1,), ALLOW),
        ("pidfd_open", (MONITOR,), ERRNO | errno.EPERM),
    ],
)
def test_each_call_gets_its_answer(
    machine: str, name: str, arguments: tuple[int, ...], answer: int
):
    assert of(machine, name, *arguments) == answer


@pytest.mark.parametrize("machine", MACHINES)
def test_where_the_network_is_its_own_no_call_is_held(machine: str):
    assert {of(machine, name, 1, 1, 1, 1, 1, hold=False) for name in (*HELD_CALLS, "kill")} == {
        ALLOW
    }


def test_another_architecture_is_killed_and_x32_and_what_nobody_has_looked_at_are_unknown():
    assert decided("x86_64", 39, arch=0x40000003) == KILL
    assert decided("aarch64", 39, arch=0xC000003E) == KILL
    assert (
        decided("x86_64", 0x40000000 + 39)
        == decided("x86_64", 457)
        == decided("x86_64", -1)
        == ERRNO | errno.ENOSYS
    )


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(sorted(MACHINES)),
    st.integers(0, 600),
    st.lists(st.integers(0, 2**64 - 1), max_size=6),
)
def test_every_call_is_answered(machine: str, number: int, arguments: list[int]):
    known = set(syscall_table(machine).numbers.values())
    answer = decided(machine, number, *arguments)
    assert answer in (ALLOW, HOLD) or answer & 0xFFFF0000 == ERRNO
    assert number in known or number > 456 or answer == ALLOW
