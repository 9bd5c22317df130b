"""The seccomp filter of both sandboxes: which system calls are allowed, refused or held.

Refused calls have no use in a build or a test suite. Held calls (connect, and sends that name an
address) are answered by ``uid/connections.py``. No rule reads memory, which could change while the
call is made. The names and numbers of the calls are in ``syscalls.toml``.
"""

import errno
import socket
import termios

from sandbox import bpf
from sandbox.bpf import ALLOW, KILL, NOTIFY, Block, refuse
from sandbox.syscall_table import Processor, syscall_table

HELD_CALLS = ("connect", "sendto", "sendmsg", "sendmmsg")
HAND_OVER_FLAGS = 0x1600
"""Flags of the one sendmsg() that is not held: it hands the filter's listener to the monitor.

MSG_FIN, MSG_SYN and MSG_RST (include/linux/socket.h), which no kernel acts on.
"""

_ARCHITECTURES: dict[Processor, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 (include/uapi/linux/audit.h)."""
_X32_BIT = 0x40000000
"""Marks the calls of the x32 ABI, which have no rules here."""
_NUMBERS_IN_A_RANGE = 10

_NOT_PERMITTED = refuse(errno.EPERM)
_NO_SUCH_CALL = refuse(errno.ENOSYS)

# include/uapi/linux/sched.h; the os module has these names since Python 3.12 only
_CLONE_NEWNS = 0x00020000
_CLONE_NEWCGROUP = 0x02000000
_CLONE_NEWUTS = 0x04000000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_NEW_NAMESPACES = (
    _CLONE_NEWNS
    | _CLONE_NEWCGROUP
    | _CLONE_NEWUTS
    | _CLONE_NEWIPC
    | _CLONE_NEWUSER
    | _CLONE_NEWPID
    | _CLONE_NEWNET
)

_SET_ID_BITS = 0o6000
_PR_SET_DUMPABLE = 4  # include/uapi/linux/prctl.h
_SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3  # include/uapi/linux/seccomp.h
_PER_LINUX = 0  # include/uapi/linux/personality.h
_PERSONALITY_QUERY = 0xFFFFFFFF
_CALLING_PROCESS = 0
_EVERYBODY = 0xFFFFFFFF  # -1
_TIOCLINUX = 0x541C  # include/uapi/asm-generic/ioctls.h
_TERMINAL_INJECTIONS = (termios.TIOCSTI, _TIOCLINUX, termios.TIOCCONS)
_O_TMPFILE_BIT = 0o20000000
"""The only bit of O_TMPFILE that O_DIRECTORY lacks."""
_O_CREAT = 0o100
"""A literal, since the filter is also assembled for processors other than this one."""

# What getaddrinfo and local servers need.
_SOCKET_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
_SOCKET_TYPES = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET)
_SOCKET_TYPE_MASK = 0xF
"""Without SOCK_CLOEXEC and SOCK_NONBLOCK."""
_DEFAULT_PROTOCOL = 0
"""For netlink: routes."""
_SOCKET_PROTOCOLS = (_DEFAULT_PROTOCOL, socket.IPPROTO_TCP, socket.IPPROTO_UDP)

# Options that send a packet somewhere other than to its address. Names that the socket module lacks
# are from include/uapi/linux/{in,in6,tcp}.h and asm-generic/socket.h.
_IP_UNICAST_IF = 50
_SO_BINDTOIFINDEX = 62
_TCP_ULP = 31
_IPV6_2292HOPOPTS = 3
_IPV6_2292DSTOPTS = 4
_IPV6_2292RTHDR = 5
_IPV6_2292PKTOPTIONS = 6
_IPV6_UNICAST_IF = 76
_REDIRECTING_OPTIONS = (
    (socket.IPPROTO_IP, socket.IP_OPTIONS),
    (socket.IPPROTO_IP, _IP_UNICAST_IF),
    (socket.SOL_SOCKET, socket.SO_BINDTODEVICE),
    (socket.SOL_SOCKET, _SO_BINDTOIFINDEX),
    (socket.IPPROTO_TCP, _TCP_ULP),
    (socket.IPPROTO_IPV6, _IPV6_2292HOPOPTS),
    (socket.IPPROTO_IPV6, _IPV6_2292DSTOPTS),
    (socket.IPPROTO_IPV6, _IPV6_2292RTHDR),
    (socket.IPPROTO_IPV6, _IPV6_2292PKTOPTIONS),
    (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO),
    (socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS),
    (socket.IPPROTO_IPV6, socket.IPV6_RTHDRDSTOPTS),
    (socket.IPPROTO_IPV6, socket.IPV6_RTHDR),
    (socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS),
    (socket.IPPROTO_IPV6, _IPV6_UNICAST_IF),
)


def assemble_filter(processor: Processor, *, monitor: int | None) -> bytes:
    """Return the filter's program for a processor.

    Args:
        processor: the processor that the program is for.
        monitor: the id of the process that answers held calls, for a session that shares its
            network with others; None for a session with its own network, where no call is held.
            ``assemble_closing_filter`` completes such a filter.
    """
    blocks = _blocks(processor, monitor)
    program = _check_architecture(processor)
    program += _refuse_unreviewed(processor)
    # In ranges: the kernel evaluates the filter for every number when it is installed, which would
    # take milliseconds with one long chain.
    numbers = sorted(blocks)
    for start in range(0, len(numbers), _NUMBERS_IN_A_RANGE):
        chunk = numbers[start : start + _NUMBERS_IN_A_RANGE]
        program += _match_range(chunk, blocks)
    program.append(bpf.return_action(ALLOW))
    return bpf.assemble(program)


def assemble_closing_filter(processor: Processor) -> bytes:
    """Return a second filter, to be installed once the listener has been handed over.

    It refuses what the first one allowed for this purpose: of two answers, the stricter counts.
    """
    number = syscall_table(processor).numbers["sendmsg"]
    refuse_hand_over = bpf.if_one_of(2, (HAND_OVER_FLAGS,), _NOT_PERMITTED)
    program = _check_architecture(processor)
    program.append(bpf.load_number())
    program.append(bpf.jump_if_equal(number, if_true=0, if_false=len(refuse_hand_over)))
    program += refuse_hand_over
    program.append(bpf.return_action(ALLOW))
    return bpf.assemble(program)


def _blocks(processor: Processor, monitor: int | None) -> dict[int, Block]:
    """Return number -> instructions for all calls that are not simply allowed."""
    table = syscall_table(processor)
    blocks: dict[int, Block] = {}
    for name, error in table.refused.items():
        blocks[table.numbers[name]] = [bpf.return_action(refuse(error))]
    rules = _argument_rules()
    if monitor is not None:
        rules.update(_monitor_rules(monitor))
    for name, rule in rules.items():
        if name in table.numbers:
            blocks[table.numbers[name]] = [*rule, bpf.return_action(ALLOW)]
    return blocks


def _check_architecture(processor: Processor) -> Block:
    return [
        bpf.load_architecture(),
        bpf.jump_if_equal(_ARCHITECTURES[processor], if_true=1, if_false=0),
        bpf.return_action(KILL),
    ]


def _refuse_unreviewed(processor: Processor) -> Block:
    block = [bpf.load_number()]
    limits = [syscall_table(processor).newest_reviewed + 1]
    if processor == "x86_64":
        limits.insert(0, _X32_BIT)
    for limit in limits:
        block.append(bpf.jump_if_at_least(limit, if_true=0, if_false=1))
        block.append(bpf.return_action(_NO_SUCH_CALL))
    return block


def _match_range(numbers: list[int], blocks: dict[int, Block]) -> Block:
    """Run the block of the call's number if it is in the range, else skip the range."""
    chain: Block = []
    for number in numbers:
        block = blocks[number]
        chain.append(bpf.jump_if_equal(number, if_true=0, if_false=len(block)))
        chain += block
    return [
        bpf.jump_if_at_least(numbers[-1] + 1, if_true=0, if_false=1),
        bpf.jump(len(chain) + 1),
        *chain,
        bpf.return_action(ALLOW),
    ]


def _argument_rules() -> dict[str, Block]:
    """Return name -> rule for the calls that depend on arguments; each falls through to *allow*."""
    return {
        # Threads and processes, but no new namespaces.
        "clone": bpf.if_any_bit(0, _NEW_NAMESPACES, _NOT_PERMITTED),
        # No injection of input into the terminal that the worker was started in.
        "ioctl": bpf.if_one_of(1, _TERMINAL_INJECTIONS, _NOT_PERMITTED),
        # Pretend to succeed: a process that is not dumpable could not be watched.
        "prctl": bpf.if_one_of(0, (_PR_SET_DUMPABLE,), refuse(0)),
        # Limits of the calling process only.
        "prlimit64": bpf.unless_one_of(0, (_CALLING_PROCESS,), _NOT_PERMITTED),
        # Its own filters, but none with a listener, which could let held calls continue.
        "seccomp": bpf.if_any_bit(1, _SECCOMP_FILTER_FLAG_NEW_LISTENER, _NOT_PERMITTED),
        # Reading the personality, and setting it to its current value.
        "personality": bpf.unless_one_of(0, (_PER_LINUX, _PERSONALITY_QUERY), _NOT_PERMITTED),
        # Unix sockets, TCP, UDP, and route queries to the kernel.
        "socket": _socket_rule(),
        "socketpair": bpf.unless_one_of(0, (socket.AF_UNIX,), refuse(errno.EAFNOSUPPORT)),
        # No option that sends a packet somewhere other than to its address.
        "setsockopt": _setsockopt_rule(),
        # No set-user-id or set-group-id bit on any file.
        "chmod": bpf.if_any_bit(1, _SET_ID_BITS, _NOT_PERMITTED),
        "fchmod": bpf.if_any_bit(1, _SET_ID_BITS, _NOT_PERMITTED),
        "fchmodat": bpf.if_any_bit(2, _SET_ID_BITS, _NOT_PERMITTED),
        "creat": bpf.if_any_bit(1, _SET_ID_BITS, _NOT_PERMITTED),
        "open": _open_rule(flags=1, mode=2),
        "openat": _open_rule(flags=2, mode=3),
        "mknod": bpf.if_any_bit(1, _SET_ID_BITS, _NOT_PERMITTED),
        "mknodat": bpf.if_any_bit(2, _SET_ID_BITS, _NOT_PERMITTED),
    }


def _monitor_rules(monitor: int) -> dict[str, Block]:
    """Return the rules of a session that shares its network, and its user id with its monitor."""
    hold = [bpf.return_action(NOTIFY)]
    process = monitor
    process_group = -monitor & 0xFFFFFFFF
    not_the_monitor = bpf.if_one_of(0, (process, process_group), _NOT_PERMITTED)
    return {
        # The monitor makes these calls itself.
        "connect": hold,
        "sendmsg": bpf.unless_one_of(2, (HAND_OVER_FLAGS,), NOTIFY),
        "sendmmsg": hold,
        "sendto": _sendto_rule(),
        # The monitor has the session's user id: no signal of the session may reach it.
        "kill": bpf.if_one_of(0, (process, process_group, _EVERYBODY), _NOT_PERMITTED),
        "tgkill": not_the_monitor,
        "rt_sigqueueinfo": not_the_monitor,
        "rt_tgsigqueueinfo": not_the_monitor,
        "pidfd_open": not_the_monitor,
    }


def _socket_rule() -> Block:
    return [
        *bpf.unless_one_of(0, _SOCKET_FAMILIES, refuse(errno.EAFNOSUPPORT)),
        *bpf.unless_one_of(1, _SOCKET_TYPES, _NOT_PERMITTED, mask=_SOCKET_TYPE_MASK),
        *bpf.unless_one_of(2, _SOCKET_PROTOCOLS, refuse(errno.EPROTONOSUPPORT)),
        # Raw sockets for netlink only.
        bpf.load_argument(1),
        bpf.keep_bits(_SOCKET_TYPE_MASK),
        bpf.jump_if_equal(socket.SOCK_RAW, if_true=0, if_false=3),
        bpf.load_argument(0),
        bpf.jump_if_equal(socket.AF_NETLINK, if_true=1, if_false=0),
        bpf.return_action(_NOT_PERMITTED),
    ]


def _setsockopt_rule() -> Block:
    block: Block = []
    for level, option in _REDIRECTING_OPTIONS:
        block += [
            bpf.load_argument(1),
            bpf.jump_if_equal(level, if_true=0, if_false=3),
            bpf.load_argument(2),
            bpf.jump_if_equal(option, if_true=0, if_false=1),
            bpf.return_action(_NOT_PERMITTED),
        ]
    return block


def _open_rule(*, flags: int, mode: int) -> Block:
    """Check the mode only if the call creates a file; otherwise the kernel ignores it."""
    check_mode = bpf.if_any_bit(mode, _SET_ID_BITS, _NOT_PERMITTED)
    return [
        bpf.load_argument(flags),
        bpf.jump_if_any_bit(_O_CREAT | _O_TMPFILE_BIT, if_true=0, if_false=len(check_mode)),
        *check_mode,
    ]


def _sendto_rule() -> Block:
    """Hold the call if it names an address: a pointer whose 64 bits are not all zero."""
    return [
        bpf.load_argument(4),
        bpf.jump_if_equal(0, if_true=0, if_false=2),
        bpf.load_argument_high(4),
        bpf.jump_if_equal(0, if_true=1, if_false=0),
        bpf.return_action(NOTIFY),
    ]
