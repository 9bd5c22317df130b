"""A sandboxed command's output, printed while it runs."""

import codecs
import contextlib
import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from sandbox.output import plain_text

_MAX_PRINTED_BYTES = 16 * 1024**2
"""Further output is read and dropped."""
_WAITING_CHUNKS = 256
_FLUSH_SECONDS = 2.0
_STDOUT = 1


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
            self._chunks.put(None, timeout=1)
        self._writer.join(timeout=_FLUSH_SECONDS)
        dropped = self._received_bytes - _MAX_PRINTED_BYTES
        if dropped > 0:
            click.echo(f"[sandbox: {dropped} more bytes of output]", err=True)

    def _write(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while True:
            chunk = self._chunks.get()
            if chunk is None:
                return
            decoded = decoder.decode(chunk).encode()
            text = plain_text(decoded, len(decoded))
            try:
                _write_all(text.encode())
            except OSError:
                return  # the reader is gone


@contextmanager
def live_output() -> Iterator[LiveOutput]:
    output = LiveOutput()
    try:
        yield output
    finally:
        output.finish()


def _write_all(data: bytes) -> None:
    while data:
        written = os.write(_STDOUT, data)
        data = data[written:]
