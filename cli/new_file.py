"""Create a file for what a command writes."""

import os
from pathlib import Path
from typing import TextIO

from cli import exits
from cli.command import CommandError


def create_file(path: Path) -> TextIO:
    """Create a text file that only its owner can read. Ends the command if there is one already, or
    if it can't be created.
    """
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise CommandError(f"{path} can't be created: {error.strerror}", exits.USAGE) from None
    return os.fdopen(handle, "w", encoding="utf-8", newline="")
