"""A sandboxed command's output, printed while it runs, and never waited for.

Threads write it, so that a reader that stops reading delays neither the command's time limit nor
our own end.
"""

import codecs
import contextlib
import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.output import plain_text

_MAX_PRINTED_BYTES = 16 * 1024**2
"""Further output is read and dropped."""
_WAITING_CHUNKS = 256
_FLUSH_SECONDS = 1.0
_STDOUT = 1
_STDERR = 2


class LiveOutput:
    """Prints chunks as plain text in its own thread.

    Adding a chunk never blocks: if nobody reads our standard output, chunks are dropped.
    """

    def __init__(self) -> None:
        self._chunks: queue.Queue[bytes | None] = queue.Queue(maxsize=_WAITING_CHUNKS)
        self._received_bytes = 0
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    def add(self, chunk: bytes) -> None:
        if self._received_bytes < _MAX_PRINTED_BYTES:
            with contextlib.suppress(queue.Full):
                self._chunks.put_nowait(chunk)
        self._received_bytes += len(chunk)

    def finish(self) -> None:
        """Print the waiting chunks, but don't wait long for a reader."""
        with contextlib.suppress(queue.Full):
            self._chunks.put(None, timeout=_FLUSH_SECONDS)
        self._writer.join(timeout=_FLUSH_SECONDS)
        dropped = self._received_bytes - _MAX_PRINTED_BYTES
        if dropped > 0:
            print_note(f"[sandbox: {dropped} more bytes of output]")

    def _write(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while True:
            chunk = self._chunks.get()
            if chunk is None:
                return
            decoded = decoder.decode(chunk).encode()
            text = plain_text(decoded, len(decoded))
            try:
                _write_all(_STDOUT, text.encode())
            except OSError:
                return  # the reader is gone


@contextmanager
def live_output() -> Iterator[LiveOutput]:
    output = LiveOutput()
    try:
        yield output
    finally:
        output.finish()


def print_note(line: str) -> None:
    """Print a line on standard error, but don't wait long for a reader."""
    writer = threading.Thread(target=_write_note, args=(line,), daemon=True)
    writer.start()
    writer.join(timeout=_FLUSH_SECONDS)


def _write_note(line: str) -> None:
    with contextlib.suppress(OSError):  # the reader is gone
        _write_all(_STDERR, f"{line}\n".encode())


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        written = os.write(descriptor, data)
        data = data[written:]
