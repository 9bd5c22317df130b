"""Open devices of the machine, or make nodes for them."""

import glob
import os
import stat

from attack import attempt, verdict

harmless = {
    "null",
    "zero",
    "full",
    "random",
    "urandom",
    "tty",
    "ptmx",
    "stdin",
    "stdout",
    "stderr",
    "fd",
    "console",
    "core",
}
escaped = any(
    attempt(lambda path=path: os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK)))
    for path in glob.glob("/dev/*") + glob.glob("/dev/net/*")
    if os.path.basename(path) not in harmless and not os.path.isdir(path)
)
for kind, number in ((stat.S_IFCHR, os.makedev(1, 1)), (stat.S_IFBLK, os.makedev(254, 0))):
    escaped = escaped or attempt(os.mknod, "node", kind | 0o666, number)
verdict(escaped)
