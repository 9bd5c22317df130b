"""Change the limits of other processes, and raise its own."""

import os
import resource

from attack import OUTSIDE, succeeds, verdict

KINDS = (
    resource.RLIMIT_NPROC,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_CORE,
    resource.RLIMIT_DATA,
)
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def raises_limit(kind):
    try:
        resource.setrlimit(kind, UNLIMITED)
    except (ValueError, OSError):
        return False
    return True


escapes = [
    succeeds(resource.prlimit, os.getppid(), resource.RLIMIT_CPU, (1, 1)),
    succeeds(resource.prlimit, OUTSIDE["pid"], resource.RLIMIT_NOFILE, (3, 3)),
]
for kind in KINDS:
    _, hard_limit = resource.getrlimit(kind)
    escapes.append(hard_limit == resource.RLIM_INFINITY)
    escapes.append(raises_limit(kind))
verdict(any(escapes))
