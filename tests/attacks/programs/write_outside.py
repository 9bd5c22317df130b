"""Write, create, rename or link outside the writable folder."""

import glob
import os

from attack import OUTSIDE, attempt, verdict

folder = OUTSIDE["folder"]
places = [
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
]
escaped = any(attempt(open, f"{place}/sandbox-was-here", "w") for place in places)
escaped = (
    escaped
    or attempt(open, f"{folder}/public", "a")
    or attempt(os.rename, f"{folder}/public", f"{folder}/taken")
)
escaped = (
    escaped
    or attempt(os.symlink, "/", f"{folder}/link")
    or attempt(os.chmod, f"{folder}/public", 0o777)
)
escaped = escaped or any(
    attempt(open, path, "w")
    for path in (
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname",
        "/proc/sys/vm/drop_caches",
        "/proc/sysrq-trigger",
        "/proc/1/oom_score_adj",
        "/sys/kernel/uevent_helper",
        "/proc/sys/kernel/modprobe",
    )
)
groups = [
    "/sys/fs/cgroup/cgroup.procs",
    *glob.glob("/sys/fs/cgroup/*/cgroup.procs"),
    *glob.glob("/sys/fs/cgroup/*/release_agent"),
]
verdict(
    escaped
    or any(attempt(open, path, "w") for path in groups)
    or attempt(os.mkdir, "/sys/fs/cgroup/x")
)
