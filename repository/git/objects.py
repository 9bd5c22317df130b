"""What a repository consists of."""

import re
from dataclasses import dataclass

EXECUTABLE = "100755"
NOT_EXECUTABLE = "100644"
REGULAR_MODES = (NOT_EXECUTABLE, EXECUTABLE)
"""The modes of files, as opposed to symbolic links and submodules."""

_IDENTITY = re.compile(r"(?P<name>\w(?:[^<>\x00-\x1f]*[\w\])])?) <(?P<email>[^<>\s@]+@[^<>\s@]+)>")
"""Git removes punctuation from the ends of a name."""


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

    def __str__(self) -> str:
        """Return ``Name <address>``, as in trailers."""
        return f"{self.name} <{self.email}>"

    @classmethod
    def parse(cls, text: str) -> "Identity":
        """Read ``Name <address>``.

        Raises:
            ValueError: it has another form, or git would alter it.
        """
        match = _IDENTITY.fullmatch(text)
        if match is None:
            raise ValueError("must look like Name <address>")
        return cls(match["name"], match["email"])
