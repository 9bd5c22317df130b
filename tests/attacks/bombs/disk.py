"""Fill the disk below a folder, in files with a name; with a second argument, half of them without
one.
"""

import os
import sys

FILES = 100
FILE_BYTES = 100_000_000

os.chdir(sys.argv[1])
unlinks_half = len(sys.argv) > 2
descriptors = []
for number in range(FILES):
    name = f"disk-bomb-{number}"
    descriptor = os.open(name, os.O_CREAT | os.O_RDWR)
    descriptors.append(descriptor)
    if unlinks_half and number % 2:
        os.unlink(name)
    try:
        os.posix_fallocate(descriptor, 0, FILE_BYTES)
    except OSError:
        continue
print("escaped")
