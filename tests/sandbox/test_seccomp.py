"""The seccomp filter, interpreted as the kernel would, instruction by instruction."""

import errno
import os
import socket
import struct
import termios
from collections.abc import Sequence
from enum import IntEnum
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.seccomp import (
    HAND_OVER_FLAGS,
    HELD_CALLS,
    assemble_closing_filter,
    assemble_filter,
)
from sandbox.syscall_table import Processor, syscall_table

PROCESSORS: tuple[Processor, ...] = get_args(Processor)
ARCHITECTURES: dict[Processor, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MONITOR = 4711

KILL = 0x80000000
ERRNO = 0x00050000
HOLD = 0x7FC00000
ALLOW = 0x7FFF0000
NOT_PERMITTED = ERRNO | errno.EPERM
NO_SUCH_CALL = ERRNO | errno.ENOSYS

GETPID_X86_64 = 39
X32_BIT = 0x40000000
I386 = 0x40000003
NEWEST_REVIEWED = 456
SET_USER_ID = 0o4755
AF_VSOCK = 40
IPPROTO_ICMP = 1
NETLINK_CRYPTO = 12
IPV6_RTHDR = 57
SO_REUSEADDR = 2
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_NEW_LISTENER = 8
CLONE_NEWUSER = 0x10000000
SIGCHLD = 17
PR_SET_DUMPABLE = 4
PR_GET_DUMPABLE = 3


class Operation(IntEnum):
    """Of classic BPF (include/uapi/linux/bpf_common.h)."""

    LOAD = 0x20
    AND = 0x54
    JUMP = 0x05
    JUMP_IF_EQUAL = 0x15
    JUMP_IF_AT_LEAST = 0x35
    JUMP_IF_ANY_BIT = 0x45
    RETURN = 0x06


def run_filter(
    processor: Processor,
    number: int,
    arguments: Sequence[int] = (),
    *,
    architecture: int | None = None,
    monitor: int | None = MONITOR,
) -> int:
    """Return the filter's answer to a system call."""
    data = seccomp_data(architecture or ARCHITECTURES[processor], number, arguments)
    return run_program(assemble_filter(processor, monitor=monitor), data)


def run_program(assembled: bytes, data: bytes) -> int:
    program = list(struct.iter_unpack("=HBBI", assembled))
    position = 0
    accumulator = 0
    for _ in program:
        operation, if_true, if_false, operand = program[position]
        position += 1
        match operation:
            case Operation.LOAD:
                (accumulator,) = struct.unpack_from("=I", data, operand)
            case Operation.AND:
                accumulator &= operand
            case Operation.JUMP:
                position += operand
            case Operation.JUMP_IF_EQUAL:
                position += if_true if accumulator == operand else if_false
            case Operation.JUMP_IF_AT_LEAST:
                position += if_true if accumulator >= operand else if_false
            case Operation.JUMP_IF_ANY_BIT:
                position += if_true if accumulator & operand else if_false
            case Operation.RETURN:
                return int(operand)
            case _:
                raise AssertionError(f"the kernel would refuse {operation:#x}")
    raise AssertionError("it ran past its end")


def seccomp_data(architecture: int, number: int, arguments: Sequence[int]) -> bytes:
    words = [argument & (1 << 64) - 1 for argument in arguments]
    words += [0] * (6 - len(words))
    return struct.pack("=IIQ6Q", number & 0xFFFFFFFF, architecture, 0, *words)


def answer_to(
    processor: Processor,
    name: str,
    arguments: Sequence[int] = (),
    *,
    monitor: int | None = MONITOR,
) -> int:
    numbers = syscall_table(processor).numbers
    if name not in numbers:
        pytest.skip(f"{processor} has no {name}")
    return run_filter(processor, numbers[name], arguments, monitor=monitor)


ANSWERS = [
    ("ptrace", (0,), NOT_PERMITTED),
    ("clone3", (), NO_SUCH_CALL),
    ("fallocate", (3,), ERRNO | errno.EOPNOTSUPP),
    ("clone", (SIGCHLD,), ALLOW),
    ("clone", (CLONE_NEWUSER | SIGCHLD,), NOT_PERMITTED),
    ("ioctl", (0, termios.TIOCSTI), NOT_PERMITTED),
    # The kernel reads only 32 bits of it.
    ("ioctl", (0, 0x1_0000_0000 | termios.TIOCSTI), NOT_PERMITTED),
    ("ioctl", (0, termios.TIOCGWINSZ), ALLOW),
    ("prctl", (PR_SET_DUMPABLE, 0), ERRNO | 0),
    ("prctl", (PR_GET_DUMPABLE,), ALLOW),
    ("prlimit64", (0, 7), ALLOW),
    ("prlimit64", (5, 7), NOT_PERMITTED),
    ("seccomp", (SECCOMP_SET_MODE_FILTER, SECCOMP_NEW_LISTENER), NOT_PERMITTED),
    ("seccomp", (SECCOMP_SET_MODE_FILTER, 0), ALLOW),
    ("personality", (0xFFFFFFFF,), ALLOW),
    ("personality", (0x0040000,), NOT_PERMITTED),
    ("socket", (socket.AF_INET, socket.SOCK_STREAM, 0), ALLOW),
    (
        "socket",
        (socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, socket.IPPROTO_UDP),
        ALLOW,
    ),
    ("socket", (socket.AF_UNIX, socket.SOCK_SEQPACKET, 0), ALLOW),
    ("socket", (socket.AF_NETLINK, socket.SOCK_RAW, 0), ALLOW),
    (
        "socket",
        (socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_CRYPTO),
        ERRNO | errno.EPROTONOSUPPORT,
    ),
    ("socket", (socket.AF_INET, socket.SOCK_RAW, 0), NOT_PERMITTED),
    ("socket", (socket.AF_INET, socket.SOCK_DGRAM, IPPROTO_ICMP), ERRNO | errno.EPROTONOSUPPORT),
    ("socket", (AF_VSOCK, socket.SOCK_STREAM, 0), ERRNO | errno.EAFNOSUPPORT),
    ("setsockopt", (3, socket.IPPROTO_IP, socket.IP_OPTIONS), NOT_PERMITTED),
    ("setsockopt", (3, socket.IPPROTO_IPV6, IPV6_RTHDR), NOT_PERMITTED),
    ("setsockopt", (3, socket.SOL_SOCKET, SO_REUSEADDR), ALLOW),
    ("fchmod", (3, 0o755), ALLOW),
    ("fchmod", (3, SET_USER_ID), NOT_PERMITTED),
    # The mode matters only with O_CREAT.
    ("openat", (0, 0, 0, SET_USER_ID), ALLOW),
    ("openat", (0, 0, os.O_CREAT, SET_USER_ID), NOT_PERMITTED),
    ("connect", (3,), HOLD),
    ("sendmsg", (3,), HOLD),
    ("sendto", (3, 0, 0, 0, 0), ALLOW),
    ("sendto", (3, 0, 0, 0, 1), HOLD),
    ("sendto", (3, 0, 0, 0, 1 << 32), HOLD),
    ("kill", (-1 & 0xFFFFFFFF,), NOT_PERMITTED),
    ("kill", (MONITOR,), NOT_PERMITTED),
    ("kill", (MONITOR + 1,), ALLOW),
    ("pidfd_open", (MONITOR,), NOT_PERMITTED),
]


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize(("name", "arguments", "answer"), ANSWERS)
def test_each_call_gets_its_answer(
    processor: Processor, name: str, arguments: tuple[int, ...], answer: int
):
    assert answer_to(processor, name, arguments) == answer


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("name", [*HELD_CALLS, "kill"])
def test_no_call_is_held_in_a_separate_network(processor: Processor, name: str):
    assert answer_to(processor, name, (1, 1, 1, 1, 1), monitor=None) == ALLOW


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize(("flags", "answer"), [(HAND_OVER_FLAGS, NOT_PERMITTED), (0, HOLD)])
def test_the_listener_can_be_handed_over_only_until_the_second_filter(
    processor: Processor, flags: int, answer: int
):
    arguments = (3, 0, flags)
    number = syscall_table(processor).numbers["sendmsg"]
    data = seccomp_data(ARCHITECTURES[processor], number, arguments)
    first = answer_to(processor, "sendmsg", arguments)
    second = run_program(assemble_closing_filter(processor), data)
    assert first == (ALLOW if flags == HAND_OVER_FLAGS else HOLD)
    # The kernel takes the stricter answer, whose number is the lower one (seccomp(2)).
    assert min(first, second) == answer


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("name", ["connect", "sendto", "ptrace", "seccomp"])
def test_the_second_filter_changes_no_other_call(processor: Processor, name: str):
    number = syscall_table(processor).numbers[name]
    data = seccomp_data(ARCHITECTURES[processor], number, (3, 0, HAND_OVER_FLAGS))
    assert run_program(assemble_closing_filter(processor), data) == ALLOW


@pytest.mark.parametrize(
    ("processor", "architecture"),
    [("x86_64", I386), ("aarch64", ARCHITECTURES["x86_64"])],
)
def test_calls_of_another_architecture_kill(processor: Processor, architecture: int):
    assert run_filter(processor, GETPID_X86_64, architecture=architecture) == KILL


@pytest.mark.parametrize("number", [X32_BIT + GETPID_X86_64, NEWEST_REVIEWED + 1, -1])
def test_unreviewed_calls_fail_as_unknown(number: int):
    assert run_filter("x86_64", number) == NO_SUCH_CALL


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(PROCESSORS),
    st.integers(0, 600),
    st.lists(st.integers(0, 2**64 - 1), max_size=6),
)
def test_every_call_gets_an_answer(processor: Processor, number: int, arguments: list[int]):
    answer = run_filter(processor, number, arguments)
    assert answer in (ALLOW, HOLD) or answer & 0xFFFF0000 == ERRNO
    known = set(syscall_table(processor).numbers.values())
    if number not in known and number <= NEWEST_REVIEWED:
        assert answer == ALLOW
