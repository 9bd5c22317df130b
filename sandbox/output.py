"""The output of a command: read from a pipe, bounded, and converted to plain text."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sandbox import SandboxCommand

_CHUNK = 64 * 1024
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS and similar, with their contents
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f]"
)


class OutputCapture:
    """Reads a pipe to its end, however long, and keeps the last bytes."""

    def __init__(self, command: SandboxCommand, reader: asyncio.StreamReader, write_fd: int):
        self.write_fd = write_fd
        """The command's end of the pipe; close it here once the command has its own copy."""
        self._limit = command.output_limit
        self._on_output = command.on_output
        self._tail = bytearray()
        self._writer_open = True
        self.reading = asyncio.create_task(self._read(reader))
        """Finishes once no process has the pipe open."""

    def close_writer(self) -> None:
        if self._writer_open:
            self._writer_open = False
            os.close(self.write_fd)

    def text(self) -> str:
        return plain_text(self._tail, self._limit)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(_CHUNK):
            if self._on_output is not None:
                self._on_output(chunk)
            self._tail += chunk
            if len(self._tail) > 2 * self._limit:
                del self._tail[: -self._limit]


@asynccontextmanager
async def capture_output(command: SandboxCommand) -> AsyncIterator[OutputCapture]:
    """Open a pipe for a command's output and read it.

    It is a pipe of our own: with one of asyncio's, waiting for the process would wait for the pipe
    to close, too, which a stray process can prevent.
    """
    read_fd, write_fd = os.pipe()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_fd, "rb")
    )
    capture = OutputCapture(command, reader, write_fd)
    try:
        yield capture
    finally:
        capture.close_writer()
        capture.reading.cancel()
        transport.close()


def limit_message(reason: str | None, command: SandboxCommand) -> str:
    """Return the line to append to the output of a command that was ended for ``reason``."""
    match reason:
        case None | "time":
            return ""
        case "memory":
            return f"[sandbox: ended at more than {command.memory_mb} MB of memory]\n"
        case "disk":
            return f"[sandbox: ended at more than {command.disk_mb} MB on disk]\n"
        case _:
            return f"[sandbox: ended: {reason}]\n"


def plain_text(output: bytes | bytearray, limit: int) -> str:
    """Return the last ``limit`` bytes of an output without terminal escapes and control characters.

    All line endings become newlines.
    """
    text = bytes(output[-limit:]).decode(errors="replace")
    text = _ESCAPES.sub("", text)
    return text.replace("\r\n", "\n").replace("\r", "\n")
