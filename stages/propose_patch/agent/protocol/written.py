"""The result of every reader of calls in text."""

from dataclasses import dataclass

#: Languages of code fences whose content is a command.
SHELLS = frozenset({"bash", "sh", "shell", "zsh", "mswea_bash_command"})


NamedCall = tuple[str, object]
"""A tool's name and its arguments."""


class Unreadable(Exception):
    """A call can't be read; the message says why."""


@dataclass(frozen=True)
class WrittenCall:
    """A call as a model wrote it in text, or the beginning of one."""

    name: str
    arguments: object
    """An object with fields, or text without a name."""
    end: int
    """The position in the text after it."""
    problem: str = ""
    """Why it can't be read. Nothing after it is read, since that may belong to it."""
    fenced: bool = False
    """Whether it is in a code fence, where it may be an example."""
