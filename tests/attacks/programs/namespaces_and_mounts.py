"""Make or join namespaces, mount, change the root."""

import os

from attack import OUTSIDE, attempt, syscall, verdict

new = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
escaped = any(syscall("unshare", flag) == 0 for flag in new)
for flag in new:
    pid = syscall("clone", flag | 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    escaped = escaped or pid > 0
escaped = (
    escaped
    or syscall("mount", b"none", b"/tmp", b"tmpfs", 0, None) == 0
    or syscall("umount2", b"/proc", 2) == 0
)
escaped = escaped or syscall("chroot", b"/tmp") == 0 or syscall("pivot_root", b"/tmp", b"/tmp") == 0
escaped = escaped or syscall("fsopen", b"tmpfs", 0) >= 0 or syscall("open_tree", -100, b"/", 1) >= 0
for name in ("net", "mnt", "pid", "user"):
    for pid in (1, OUTSIDE["pid"], os.getpid()):
        try:
            escaped = (
                escaped or syscall("setns", os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY), 0) == 0
            )
        except OSError:
            continue
verdict(escaped or attempt(os.mkdir, "/tmp/../sandbox-was-here"))
