"""Open devices of the machine, or make nodes for them."""

import glob
import os
import stat

from attack import succeeds, verdict

HARMLESS = {
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
MEMORY_DEVICE = os.makedev(1, 1)
DISK_DEVICE = os.makedev(254, 0)


def open_device(path):
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


escapes = []
for path in glob.glob("/dev/*") + glob.glob("/dev/net/*"):
    if os.path.basename(path) not in HARMLESS and not os.path.isdir(path):
        escapes.append(succeeds(open_device, path))
escapes.append(succeeds(os.mknod, "node", stat.S_IFCHR | 0o666, MEMORY_DEVICE))
escapes.append(succeeds(os.mknod, "node", stat.S_IFBLK | 0o666, DISK_DEVICE))
verdict(any(escapes))
