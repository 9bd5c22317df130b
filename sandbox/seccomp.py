"""The seccomp filter of both sandboxes, assembled here: classic BPF over struct seccomp_data.

What it refuses has no use in a build or a test suite, and has let code out of sandboxes before.
What it holds (connect, and sends that name an address) is made, or not, by ``notify``. Its answers
need no look at memory, which could change under it. Numbers: arch/x86/entry/syscalls/syscall_64.tbl
and include/uapi/asm-generic/unistd.h."""

import errno
import struct
from functools import cache

_LOAD = 0x20
_JUMP = 0x05
_EQUAL = 0x15
_AT_LEAST = 0x35
_BITS = 0x45
_AND = 0x54
_RETURN = 0x06
_RANGE = 10
_KILL = 0x80000000
_ERRNO = 0x00050000
_HOLD = 0x7FC00000
_ALLOW = 0x7FFF0000
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
#: futex_requeue, of Linux 6.7. What is newer answers ENOSYS, as on an older kernel: nobody has
#: looked at it.
_NEWEST = 456

#: name -> (number on x86_64, number on aarch64; None where there is no such call)
NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "nfsservctl": (180, 42),
    "lookup_dcookie": (212, 18),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "fanotify_init": (300, 262),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "tkill": (200, 130),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmdt": (67, 197),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "mq_timedsend": (242, 182),
    "mq_timedreceive": (243, 183),
    "mq_notify": (244, 184),
    "mq_getsetattr": (245, 185),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "openat2": (437, 437),
    "fchmodat2": (452, 452),
    "clone3": (435, 435),
    "fallocate": (285, 47),
    "clone": (56, 220),
    "ioctl": (16, 29),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "seccomp": (317, 277),
    "personality": (135, 92),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "setsockopt": (54, 208),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "open": (2, None),
    "creat": (85, None),
    "openat": (257, 56),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "connect": (42, 203),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "kill": (62, 129),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
}
HELD = ("connect", "sendto", "sendmsg", "sendmmsg")
#: Refused whatever the arguments; those that programs do without answer as an old kernel would.
_UNKNOWN = (
    "clone3",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "memfd_create",
    "memfd_secret",
    "openat2",
    "fchmodat2",
)
_CLONE_NEW = (
    0x7E020000  # the namespaces' flags of clone(2): mount, cgroup, uts, ipc, user, pid, net
)
_SET_ID_BITS = 0o6000
_PR_SET_DUMPABLE = 4
_SECCOMP_NEW_LISTENER = 1 << 3
_TERMINAL_INJECTIONS = (0x5412, 0x541C, 0x541D)  # TIOCSTI, TIOCLINUX, TIOCCONS
_SOCKET_FAMILIES = (
    1,
    2,
    10,
    16,
)  # unix, inet, inet6, netlink: what getaddrinfo and local servers need
_SOCKET_TYPES = (1, 2, 3, 5)  # stream, datagram, raw (for netlink alone), sequenced packets
_SOCKET_PROTOCOLS = (0, 6, 17)  # none (for netlink: route), TCP, UDP
#: Options that send a packet elsewhere than its address says: (level, option)
_DETOURS = (
    (0, 4),
    (0, 50),
    (1, 25),
    (1, 62),
    (6, 31),
    (41, 3),
    (41, 4),
    (41, 5),
    (41, 6),
    (41, 50),
    (41, 54),
    (41, 55),
    (41, 57),
    (41, 59),
    (41, 76),
)

Instructions = list[tuple[int, int, int, int]]


def _return(action: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, action)


def _refused(code: int) -> int:
    return _ERRNO | code


def _argument(index: int, *, high: bool = False) -> tuple[int, int, int, int]:
    return (_LOAD, 0, 0, 16 + 8 * index + (4 if high else 0))


def _if_bits(index: int, mask: int, action: int) -> Instructions:
    return [_argument(index), (_BITS, 0, 1, mask), _return(action)]


def _if_one_of(
    index: int, values: tuple[int, ...], action: int, mask: int = 0xFFFFFFFF
) -> Instructions:
    jumps = [
        (_EQUAL, len(values) - at - 1, 0 if at < len(values) - 1 else 1, v)
        for at, v in enumerate(values)
    ]
    return [_argument(index), (_AND, 0, 0, mask), *jumps, _return(action)]


def _unless_one_of(
    index: int, values: tuple[int, ...], action: int, mask: int = 0xFFFFFFFF
) -> Instructions:
    jumps = [(_EQUAL, len(values) - at, 0, v) for at, v in enumerate(values)]
    return [_argument(index), (_AND, 0, 0, mask), *jumps, _return(action)]


def _conditions(hold: bool, monitor: int) -> dict[str, Instructions]:
    """What decides by its arguments: instructions that return, or fall through to *allow*."""
    no = _refused(errno.EPERM)
    set_id = _refused(errno.EPERM)
    rules: dict[str, Instructions] = {
        "clone": _if_bits(0, _CLONE_NEW, no),
        "ioctl": _if_one_of(1, _TERMINAL_INJECTIONS, no),
        # Pretended: what can't be looked at can't be watched.
        "prctl": _if_one_of(0, (_PR_SET_DUMPABLE,), _refused(0)),
        "prlimit64": _unless_one_of(0, (0,), no),
        "seccomp": _if_bits(1, _SECCOMP_NEW_LISTENER, no),
        "personality": _unless_one_of(0, (0, 0xFFFFFFFF), no),
        "socket": [
            *_unless_one_of(0, _SOCKET_FAMILIES, _refused(errno.EAFNOSUPPORT)),
            *_unless_one_of(1, _SOCKET_TYPES, _refused(errno.EPERM), 0xF),
            *_unless_one_of(2, _SOCKET_PROTOCOLS, _refused(errno.EPROTONOSUPPORT)),
            *_if_raw_but_netlink(),
        ],
        "socketpair": _unless_one_of(0, (1,), _refused(errno.EAFNOSUPPORT)),
        "setsockopt": [
            step for level, option in _DETOURS for step in _if_option(level, option, no)
        ],
        "chmod": _if_bits(1, _SET_ID_BITS, set_id),
        "fchmod": _if_bits(1, _SET_ID_BITS, set_id),
        "fchmodat": _if_bits(2, _SET_ID_BITS, set_id),
        "creat": _if_bits(1, _SET_ID_BITS, set_id),
        "open": _if_created(1),
        "openat": _if_created(2),
        "mknod": _if_bits(1, _SET_ID_BITS, set_id),
        "mknodat": _if_bits(2, _SET_ID_BITS, set_id),
    }
    if hold:
        named = [
            _argument(4),
            (_EQUAL, 0, 2, 0),
            _argument(4, high=True),
            (_EQUAL, 1, 0, 0),
            _return(_HOLD),
        ]
        rules |= {"connect": [_return(_HOLD)], "sendto": named}
        rules |= {"sendmsg": [_return(_HOLD)], "sendmmsg": [_return(_HOLD)]}
        # The monitor has the session's own user id: its signals must not reach it, nor those to
        # everybody.
        spared = (monitor, -monitor & 0xFFFFFFFF)
        rules |= {"kill": _if_one_of(0, (*spared, 0xFFFFFFFF), no)}
        rules |= {
            name: _if_one_of(0, spared, no)
            for name in ("tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
        }
        rules |= {"pidfd_open": _if_one_of(0, spared, no)}
    return rules


def _if_raw_but_netlink() -> Instructions:
    return [
        _argument(1),
        (_AND, 0, 0, 0xF),
        (_EQUAL, 0, 3, 3),
        _argument(0),
        (_EQUAL, 1, 0, 16),
        _return(_refused(errno.EPERM)),
    ]


def _if_option(level: int, option: int, action: int) -> Instructions:
    return [
        _argument(1),
        (_EQUAL, 0, 3, level),
        _argument(2),
        (_EQUAL, 0, 1, option),
        _return(action),
    ]


def _if_created(flags: int) -> Instructions:
    """The mode counts only with O_CREAT (0o100), or O_TMPFILE (0o20000000)."""
    return [
        _argument(flags),
        (_BITS, 0, 3, 0o20000100),
        *_if_bits(flags + 1, _SET_ID_BITS, _refused(errno.EPERM)),
    ]


@cache
def _blocks(machine: str) -> dict[int, Instructions]:
    """Number -> instructions, of the calls that are refused whatever their arguments."""
    column = 0 if machine == "x86_64" else 1
    found = {}
    for name in NUMBERS.keys() - _conditions(hold=True, monitor=0).keys():
        answer = (
            errno.ENOSYS
            if name in _UNKNOWN
            else errno.EOPNOTSUPP
            if name == "fallocate"
            else errno.EPERM
        )
        found[NUMBERS[name][column] or -1] = [_return(_refused(answer))]
    return found


def program(machine: str, *, hold: bool, monitor: int = 0) -> bytes:
    """The filter for a processor (``x86_64`` or ``aarch64``). ``hold`` is for a session that shares its network with
    others: calls that name an address wait for ``monitor``, the process that makes them."""
    column = 0 if machine == "x86_64" else 1
    blocks = dict(_blocks(machine))
    for name, block in _conditions(hold, monitor).items():
        blocks[NUMBERS[name][column] or -1] = [*block, _return(_ALLOW)]
    numbers = sorted(number for number in blocks if number >= 0)
    code: Instructions = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        _return(_KILL),
        (_LOAD, 0, 0, 0),
    ]
    if machine == "x86_64":
        code += [(_AT_LEAST, 0, 1, _X32), _return(_refused(errno.ENOSYS))]
    code += [(_AT_LEAST, 0, 1, _NEWEST + 1), _return(_refused(errno.ENOSYS))]
    # By ranges: the kernel tries every number when a filter is installed, which would take a long
    # chain milliseconds.
    for start in range(0, len(numbers), _RANGE):
        chain: Instructions = []
        for number in numbers[start : start + _RANGE]:
            chain += [(_EQUAL, 0, len(blocks[number]), number), *blocks[number]]
        code += [
            (_AT_LEAST, 0, 1, numbers[start : start + _RANGE][-1] + 1),
            (_JUMP, 0, 0, len(chain) + 1),
            *chain,
        ]
        code.append(_return(_ALLOW))
    code.append(_return(_ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
