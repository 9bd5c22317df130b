"""What a repository consists of."""

from dataclasses import dataclass

EXECUTABLE = "100755"
NOT_EXECUTABLE = "100644"
REGULAR_MODES = (NOT_EXECUTABLE, EXECUTABLE)
"""The modes of files, as opposed to symbolic links and submodules."""


@dataclass(frozen=True)
class Entry:
    """One file of a tree."""

    mode: str
    """100644, 100755, 120000 (symbolic link) or 160000 (submodule)."""
    sha: str
    size: int
    """Bytes; 0 for a submodule."""
    path: str

    @property
    def is_regular(self) -> bool:
        """Whether it is a file of its own: neither a symbolic link nor a submodule."""
        return self.mode in REGULAR_MODES


@dataclass(frozen=True)
class Identity:
    """An author or committer."""

    name: str
    email: str
