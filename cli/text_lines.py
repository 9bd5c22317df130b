"""Read a text file line by line, as commands take lists of jobs or messages."""

from typing import TextIO

from cli import exits
from cli.command import CommandError


def read_lines(file: TextIO, consequence: str) -> list[tuple[int, str]]:
    """Return the lines that are not blank, with their numbers from 1.

    Ends the command if the file is not UTF-8; ``consequence`` says what was not done then.
    """
    try:
        lines = file.read().split("\n")
    except UnicodeDecodeError:
        message = f"{file.name} is not UTF-8 text; {consequence}"
        raise CommandError(message, exits.USAGE) from None
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
