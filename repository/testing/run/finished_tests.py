"""Count the tests that have finished while a suite still runs.

Our Python runners send a test's id before it starts and an empty one after it has ended, through
files in the report's folder (``crashes.py``). Other runners send nothing, and so nothing is
counted.
"""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import islice
from pathlib import Path

from repository.testing.run.crashes import TEST
from repository.untrusted_files import open_without_links

#: ``report_count(number)`` receives the number of tests that have finished, and 0 at the end.
ReportCount = Callable[[int], None]

MESSAGES = ".messages"
"""How the names of these files end."""
_TEST_ENDED = f"{TEST}:".encode()
_SECONDS_BETWEEN_COUNTS = 1.0
#: Files to look at: our runners write one after the other, but hostile code may write millions.
_MAX_FILES = 100
#: Bytes to read from a file at a time, which hostile code may have made large.
_MAX_READ = 1_000_000
#: Bytes of an incomplete message to keep. A test's id is shorter.
_MAX_MESSAGE = 10_000


@asynccontextmanager
async def counting(report: Path, report_count: ReportCount) -> AsyncIterator[None]:
    """Until the block ends, report each new number of finished tests; then 0, if there were any.

    Args:
        report: the folder to which the runner writes.
        report_count: receives the numbers.
    """
    task = asyncio.create_task(_count_repeatedly(report, report_count))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _count_repeatedly(report: Path, report_count: ReportCount) -> None:
    tests = FinishedTests(report)
    reported = 0
    try:
        while True:
            number = await asyncio.to_thread(tests.count)
            if number != reported:
                report_count(number)
                reported = number
            await asyncio.sleep(_SECONDS_BETWEEN_COUNTS)
    finally:
        if reported:
            report_count(0)


class FinishedTests:
    """The messages of one run of a suite, as far as they have been read."""

    def __init__(self, report: Path):
        self._report = report
        self._files: dict[str, _MessageFile] = {}

    def count(self) -> int:
        """Return how many tests have finished. Blocks, but not for long.

        A file that can't be read counts as before: a runner removes it when its tests have ended,
        and during a session it may belong to another user.
        """
        for name in self._names():
            file = self._files.setdefault(name, _MessageFile())
            with suppress(OSError):
                file.read(self._report, name)
        return sum(file.finished for file in self._files.values())

    def _names(self) -> list[str]:
        names: list[str] = []
        with suppress(OSError), os.scandir(self._report) as entries:
            for entry in islice(entries, _MAX_FILES):
                if entry.name.endswith(MESSAGES):
                    names.append(entry.name)
        return names


class _MessageFile:
    """A file of messages that grows."""

    def __init__(self) -> None:
        self._start_over()

    def _start_over(self) -> None:
        self.finished = 0
        self._offset = 0
        self._incomplete = b""

    def read(self, folder: Path, name: str) -> None:
        """Read what is new.

        Raises:
            OSError: the file is gone or is not readable.
        """
        descriptor = open_without_links(folder, name)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return
            if status.st_size < self._offset:  # written anew: the tests are run again
                self._start_over()
            file.seek(self._offset)
            data = file.read(_MAX_READ)
        self._offset += len(data)
        *messages, rest = (self._incomplete + data).split(b"\0")
        self._incomplete = rest[-_MAX_MESSAGE:]
        self.finished += messages.count(_TEST_ENDED)
