"""What is common to the collectors of coverage."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from repository.testing.coverage.places import Place
from repository.testing.folders import Changes
from repository.testing.models import Recipe

FOLDER = f".coding-agent-coverage-{secrets.token_hex(8)}"
"""The folder in the tree for what collectors need and record; test runners skip such names. It is
another one in each process of the worker, so that no file of a repository lies in its place."""


@dataclass(frozen=True)
class Target:
    """A changed file, as the change leaves it."""

    path: str
    content: bytes
    places: tuple[Place, ...]
    """Empty for a file that is no code: whether it is read is asked."""


class Run(Protocol):
    """What is known of a run of the tests."""

    def covers(self, place: Place) -> bool: ...

    def reads(self, path: str) -> bool:
        """Whether the tests' processes opened a file."""
        ...


class Collector(Protocol):
    """Records which targets a run of the tests covers."""

    extensions: ClassVar[tuple[str, ...]]
    """Of the files in which it sees what runs."""

    def __init__(self, targets: Sequence[Target], recipe: Recipe): ...

    def files(self) -> Changes:
        """Return the files that it needs in the tree."""
        ...

    def variables(self, tree: Path, current: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that the tests' processes need; ``current`` are the others."""
        ...

    def read(self, tree: Path, tree_inside: Path) -> Run | None:
        """Read what a run in ``tree`` left; None if it recorded nothing.

        ``tree_inside`` is the path of ``tree`` as the tests see it.
        """
        ...
