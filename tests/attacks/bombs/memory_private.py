"""Take private memory, in children of children."""

import os

FORKS = 6
BLOCKS = 40
BLOCK = b"x" * 10_000_000


def wait_forever():
    read_fd, _write_fd = os.pipe()
    os.read(read_fd, 1)


for _ in range(FORKS):
    if os.fork() == 0:
        blocks = [bytearray(BLOCK) for _ in range(BLOCKS)]
        wait_forever()
wait_forever()
