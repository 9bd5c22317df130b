"""Fill the disk below a folder, in files without a name and with one."""

import os
import sys

os.chdir(sys.argv[1])
held = []
for number in range(100):
    held.append(os.open(f"left-behind-fill{number}", os.O_CREAT | os.O_RDWR))
    if number % 2:
        os.unlink(f"left-behind-fill{number}")
    try:
        os.posix_fallocate(held[-1], 0, 100_000_000)
    except OSError:
        pass
print("escaped")
