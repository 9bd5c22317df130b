"""Make or join namespaces, mount, change the root."""

import os
import signal

from attack import OUTSIDE, succeeds, syscall, verdict

CLONE_FLAGS = (
    0x00020000,  # mount
    0x02000000,  # cgroup
    0x04000000,  # uts
    0x08000000,  # ipc
    0x10000000,  # user
    0x20000000,  # pid
    0x40000000,  # net
)
AT_FDCWD = -100
OPEN_TREE_CLONE = 1
MNT_DETACH = 2

escapes = []
for flag in CLONE_FLAGS:
    escapes.append(syscall("unshare", flag) == 0)
for flag in CLONE_FLAGS:
    pid = syscall("clone", flag | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    escapes.append(pid > 0)
escapes += [
    syscall("mount", b"none", b"/tmp", b"tmpfs", 0, None) == 0,
    syscall("umount2", b"/proc", MNT_DETACH) == 0,
    syscall("chroot", b"/tmp") == 0,
    syscall("pivot_root", b"/tmp", b"/tmp") == 0,
    syscall("fsopen", b"tmpfs", 0) >= 0,
    syscall("open_tree", AT_FDCWD, b"/", OPEN_TREE_CLONE) >= 0,
]
for kind in ("net", "mnt", "pid", "user"):
    for pid in (1, OUTSIDE["pid"], os.getpid()):
        try:
            namespace = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
        except OSError:
            continue
        escapes.append(syscall("setns", namespace, 0) == 0)
escapes.append(succeeds(os.mkdir, "/tmp/../sandbox-was-here"))
verdict(any(escapes))
