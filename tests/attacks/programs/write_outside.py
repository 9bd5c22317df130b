"""Write, create, rename or link outside the writable folder."""

import glob
import os

from attack import OUTSIDE, succeeds, verdict

folder = OUTSIDE["folder"]
FOLDERS = (
    folder,
    "/",
    "/etc",
    "/usr",
    "/usr/local/lib",
    "/bin",
    "/var",
    "/opt",
    "/home",
    "/root",
    "/boot",
    "/run",
    "/dev",
    "/sys",
)
KERNEL_FILES = (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/sys/vm/drop_caches",
    "/proc/sysrq-trigger",
    "/proc/1/oom_score_adj",
    "/sys/kernel/uevent_helper",
    "/proc/sys/kernel/modprobe",
    "/sys/fs/cgroup/cgroup.procs",
    *glob.glob("/sys/fs/cgroup/*/cgroup.procs"),
    *glob.glob("/sys/fs/cgroup/*/release_agent"),
)

escapes = [
    succeeds(open, f"{folder}/public", "a"),
    succeeds(os.rename, f"{folder}/public", f"{folder}/taken"),
    succeeds(os.symlink, "/", f"{folder}/link"),
    succeeds(os.chmod, f"{folder}/public", 0o777),
    succeeds(os.mkdir, "/sys/fs/cgroup/x"),
]
for place in FOLDERS:
    escapes.append(succeeds(open, f"{place}/sandbox-was-here", "w"))
for path in KERNEL_FILES:
    escapes.append(succeeds(open, path, "w"))
verdict(any(escapes))
