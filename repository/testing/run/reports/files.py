"""Read report files that hostile code may have written: size-limited, without following links."""

import os
import stat
from pathlib import Path

from repository.testing.run.reports.results import UnreadableReport
from repository.untrusted_files import open_without_links

MAX_REPORT_BYTES = 50_000_000


def read_report_file(folder: Path, name: str) -> bytes:
    """Read a plain file of at most MAX_REPORT_BYTES in ``folder``, never through a link.

    Raises:
        UnreadableReport: there is no such file, or it is a link or too large.
    """
    try:
        descriptor = open_without_links(folder, name)
    except OSError as error:
        raise UnreadableReport(f"no report: {error.strerror}") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(descriptor)
        raise UnreadableReport("the report is not a plain file")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(MAX_REPORT_BYTES + 1)
    if len(data) > MAX_REPORT_BYTES:
        raise UnreadableReport(f"the report is larger than {MAX_REPORT_BYTES} bytes")
    return data
