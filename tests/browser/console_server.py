"""The web console as a process of its own."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

COMMAND = str(Path(sys.executable).with_name("coding-agent"))
_ADDRESS = re.compile(r"https?://\S+")


@contextmanager
def serve_console(environment: Mapping[str, str], *options: str) -> Iterator[str]:
    """Start ``coding-agent console`` on a free port, and give its address.

    Raises:
        RuntimeError: it did not start; the message is what it said.
    """
    command = [COMMAND, "console", "--port", "0", *options]
    with subprocess.Popen(
        command, env=dict(environment), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        address = _ADDRESS.search(line)
        if address is None:
            raise RuntimeError(line + process.stderr.read())
        # It would wait for somebody to read its log.
        reader = threading.Thread(target=process.stderr.read)
        reader.start()
        try:
            yield address.group()
        finally:
            process.terminate()
            reader.join()
