"""Create or replace a file that a command writes."""

import os
import tempfile
from pathlib import Path
from typing import TextIO

from cli import exits
from cli.command import CommandError

#: Bytes at the start of a file in which it says what it is.
_HEADER_BYTES = 4096


def create_file(path: Path) -> TextIO:
    """Create a text file that only its owner can read. Ends the command if there is one already, or
    if it can't be created.
    """
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise CommandError(f"{path} can't be created: {error.strerror}", exits.USAGE) from None
    return os.fdopen(handle, "w", encoding="utf-8", newline="")


def check_replaceable(path: Path, mark: str, kind: str) -> None:
    """End the command if it could not replace ``path``, or should not.

    Args:
        mark: what the beginning of an earlier file of the command contains. Any other file is kept.
        kind: what such a file is, for the message: ``a plot``.
    """
    if not path.absolute().parent.is_dir():
        raise CommandError(
            f"{path} can't be created: there is no folder {path.parent}", exits.USAGE
        )
    if not path.exists():
        return
    header = b""
    if path.is_file():
        try:
            with path.open("rb") as file:
                header = file.read(_HEADER_BYTES)
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror}", exits.USAGE) from None
    if mark.encode() not in header:
        raise CommandError(f"{path} is not {kind}: name another file", exits.USAGE)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; only its owner can read it. Ends the command if it can't be
    written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise CommandError(f"{path} can't be created: {error.strerror}", exits.USAGE) from None
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        new.replace(path)
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}") from None
    finally:
        new.unlink(missing_ok=True)
