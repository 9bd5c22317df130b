"""Take memory by files in memory: /dev/shm, without a name, and memfd where there is one."""

import os

held = []
for number in range(100):
    descriptor = os.open(f"/dev/shm/bomb{number}", os.O_CREAT | os.O_RDWR)
    os.unlink(f"/dev/shm/bomb{number}")
    held.append(descriptor)
    for _ in range(50):
        os.write(descriptor, bytes(1_000_000))
print("escaped")
