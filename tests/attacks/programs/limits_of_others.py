"""Change the limits of other processes, and raise its own."""

import os
import resource

from attack import OUTSIDE, attempt, verdict

escaped = attempt(resource.prlimit, os.getppid(), resource.RLIMIT_CPU, (1, 1))
escaped = escaped or attempt(resource.prlimit, OUTSIDE["pid"], resource.RLIMIT_NOFILE, (3, 3))
for kind in (
    resource.RLIMIT_NPROC,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_CORE,
    resource.RLIMIT_DATA,
):
    escaped = escaped or resource.getrlimit(kind)[1] == resource.RLIM_INFINITY
    try:
        resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        escaped = True
    except (ValueError, OSError):
        continue
verdict(escaped)
