"""The source of a workspace, and the results of its operations."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from repository.git import Mirror
from repository.testing.models import Recipe

History = Literal["full", "one commit"]


@dataclass(frozen=True)
class WorkspaceSource:
    """The commit and the environment that a workspace is built from."""

    mirror: Mirror
    base_sha: str
    recipe: Recipe | None
    """The recipe of the environment that was built in the run's folder; None if there is none."""


@dataclass(frozen=True)
class WorkspaceFacts:
    """What a model must know about its workspace."""

    tree: Path
    """The repository's files: the working folder of every command."""
    home: Path
    temporary: Path
    """TMPDIR."""
    tmp_lasts: bool
    """Whether files in /tmp last until the next command; those in ``temporary`` always do."""
    python: str | None
    """The version of the environment's Python, such as 3.11; None if there is none."""
    runner: str | None
    """How the tests are run, such as pytest; None if they can't be run."""
    history: History
    """Whether ``git log`` shows the commits up to the base, or only one with its files."""
    programs: tuple[str, ...]
    """The programs among ``OPTIONAL_PROGRAMS`` that this machine has."""


@dataclass(frozen=True)
class CommandOutput:
    """What a command printed and how it ended."""

    exit_code: int
    text: str
    """Both streams in order, decoded as UTF-8; of a long output, the beginning and the end, with a
    line between them that states the number of characters left out."""
    left_out: int
    """The number of characters left out of ``text``."""
    timed_out: bool
    seconds: float
    notes: tuple[str, ...]
    """The harness's sentences about how the command ended; they are not part of the output."""


@dataclass(frozen=True)
class FileChange:
    content: bytes | None
    """None if the file was deleted."""
    executable: bool


@dataclass(frozen=True)
class TreeChanges:
    """The difference of the tree from the base commit."""

    files: Mapping[str, FileChange]
    """By path relative to the tree."""
    left_out: Mapping[str, str]
    """Path -> why it can't be part of a change, such as ``a symbolic link``."""
