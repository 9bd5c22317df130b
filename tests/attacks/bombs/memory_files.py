"""Take memory by files in memory: in /dev/shm, without a name."""

import os

FILES = 100
CHUNKS = 50
CHUNK = bytes(1_000_000)

for number in range(FILES):
    path = f"/dev/shm/bomb{number}"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
    os.unlink(path)
    for _ in range(CHUNKS):
        os.write(descriptor, CHUNK)
print("escaped")
