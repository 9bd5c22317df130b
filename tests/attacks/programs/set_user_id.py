"""Become another user: by calls, by capabilities, by programs with the set-user-id bit."""

import os
import subprocess

from attack import succeeds, verdict

CAPABILITY_SETS = ("CapEff", "CapPrm", "CapInh", "CapAmb")
PROGRAMS = (
    ["su", "-c", "id"],
    ["sudo", "-n", "id"],
    ["newgrp"],
    ["unshare", "-Ur", "id"],
    ["mount", "-t", "tmpfs", "x", "/mnt"],
)

escapes = [
    succeeds(os.setuid, 0),
    succeeds(os.setgid, 0),
    succeeds(os.seteuid, 0),
    succeeds(os.setgroups, [0]),
    succeeds(os.setresuid, 1, 1, 1),
    succeeds(os.nice, -5),
]
for argv in PROGRAMS:
    try:
        process = subprocess.run(
            argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        continue
    escapes.append("uid=0" in process.stdout)
    if argv[0] == "mount":
        escapes.append(process.returncode == 0)

status = open("/proc/self/status").read()
fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
for name in CAPABILITY_SETS:
    escapes.append(int(fields[name], 16) != 0)
escapes.append(fields["NoNewPrivs"] != "1")
verdict(any(escapes))
