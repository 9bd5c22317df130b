"""Open files that hostile code may have written, where a link could lead anywhere."""

import os
from pathlib import Path


def open_without_links(folder: Path, path: str) -> int:
    """Open a file below a folder for reading, without following links; return its descriptor.

    Opening never blocks, whatever kind of file it is.
    """
    *above, name = path.split("/")
    parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for part in above:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
            os.close(parent)
            parent = inner
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
    finally:
        os.close(parent)
