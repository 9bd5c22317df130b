"""Read all files of a folder that hostile code may have written, within bounds."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from repository.testing.run.reports.files import read_report_file
from repository.testing.run.reports.results import UnreadableReport
from repository.untrusted_files import open_without_links

_MAX_FILES = 4_000
_MAX_BYTES = 200_000_000


def read_all(tree: Path, folder: str, suffix: str) -> Iterator[bytes]:
    """Yield the contents of plain files directly in ``folder``, until they are too large together.

    A folder that does not exist has none.
    """
    left = _MAX_BYTES
    for name in _names(tree, folder, suffix):
        try:
            data = read_report_file(tree, f"{folder}/{name}")
        except UnreadableReport:
            continue
        left -= len(data)
        if left < 0:
            return
        yield data


def _names(tree: Path, folder: str, suffix: str) -> list[str]:
    try:
        descriptor = open_without_links(tree, folder)
    except OSError:
        return []
    try:
        with os.scandir(descriptor) as entries:
            found = list(itertools.islice(entries, _MAX_FILES))
    except OSError:
        return []
    finally:
        os.close(descriptor)
    return sorted(entry.name for entry in found if entry.name.endswith(suffix))
