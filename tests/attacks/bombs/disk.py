"""Fill the disk below a folder, in files with a name; with a second argument, half of them without one."""

import os
import sys

os.chdir(sys.argv[1])
held = []
for number in range(100):
    held.append(os.open(f"disk-bomb-{number}", os.O_CREAT | os.O_RDWR))
    if number % 2 and sys.argv[2:]:
        os.unlink(f"disk-bomb-{number}")
    try:
        os.posix_fallocate(held[-1], 0, 100_000_000)
    except OSError:
        pass
print("escaped")
