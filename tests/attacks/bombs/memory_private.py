"""Take private memory, in children of children."""

import os

for _ in range(6):
    if os.fork() == 0:
        taken = [bytearray(b"x" * 10_000_000) for _ in range(40)]
        os.read(os.pipe()[0], 1)
os.read(os.pipe()[0], 1)
