"""Take shared memory, and drop it from the process's own account again and again."""

import mmap

held = []
for _ in range(100):
    part = mmap.mmap(-1, 50_000_000)
    for at in range(0, 50_000_000, 4096):
        part[at] = 1
    part.madvise(mmap.MADV_DONTNEED)
    held.append(part)
print("escaped")
