"""The process's log, which a command or a test may configure for itself alone."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_log() -> Iterator[None]:
    """Begin without handlers; restore those of before, and the level, at the end."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    level = root.level
    root.handlers[:] = []  # so that configuring does not close them
    try:
        yield
    finally:
        root.handlers[:] = handlers
        # Not the attribute alone: loggers remember whether their level is enabled.
        root.setLevel(level)
