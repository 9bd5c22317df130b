"""Take shared memory, and drop it from the process's own account again and again."""

import mmap

MAPPINGS = 100
MAPPING_BYTES = 50_000_000
PAGE = 4096

mappings = []
for _ in range(MAPPINGS):
    mapping = mmap.mmap(-1, MAPPING_BYTES)
    for offset in range(0, MAPPING_BYTES, PAGE):
        mapping[offset] = 1
    mapping.madvise(mmap.MADV_DONTNEED)
    mappings.append(mapping)
print("escaped")
