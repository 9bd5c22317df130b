"""Make calls that tests don't need and exploits have used: io_uring, bpf, perf, modules, kexec, clocks."""

import ctypes
import os
import time

from attack import succeeds, syscall, verdict

page = ctypes.create_string_buffer(4096)
CALLS = [
    ("io_uring_setup", 8, page),
    ("bpf", 5, page, 72),
    ("perf_event_open", page, 0, -1, -1, 0),
    ("userfaultfd", 0),
    ("userfaultfd", 1),
    ("init_module", page, 8, b""),
    ("delete_module", b"x", 0),
    ("kexec_load", 0, 0, page, 0),
    ("reboot", 0xFEE1DEAD, 672274793, 0, 0),
    ("swapon", b"/dev/null", 0),
    ("acct", b"/tmp/x"),
    ("syslog", 3, page, 99),
    ("settimeofday", page, None),
    ("clock_settime", 0, page),
    ("adjtimex", page),
    ("sethostname", b"x", 1),
    ("personality", 0x0400000),
    ("iopl", 3),
    ("ioperm", 0x80, 1, 1),
    ("modify_ldt", 0, page, 4096),
    ("fanotify_init", 0, 0),
    ("name_to_handle_at", -100, b"/", page, page, 0),
    ("quotactl", 0, None, 0, page),
    ("kcmp", os.getpid(), os.getpid(), 0, 0, 0),
    ("process_vm_readv", os.getpid(), page, 1, page, 1, 0),
    ("move_pages", os.getpid(), 0, None, None, None, 0),
    ("lookup_dcookie", 0, page, 1),
    ("uselib", b"/bin/true"),
    ("memfd_secret", 0),
]
successful = [name for name, *arguments in CALLS if syscall(name, *arguments) >= 0]
verdict(bool(successful) or succeeds(time.clock_settime, time.CLOCK_REALTIME, 0))
