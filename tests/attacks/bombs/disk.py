"""Fill the disk: by asking for space, and by writing, in files without a name and with one."""

import os

held = []
for number in range(100):
    held.append(os.open(f"fill{number}", os.O_CREAT | os.O_RDWR))
    if number % 2:
        os.unlink(f"fill{number}")
    try:
        os.posix_fallocate(held[-1], 0, 100_000_000)
    except OSError:
        pass
print("escaped")
