"""The files that a reply may edit: regular files of one tree, wherever the tree is stored."""

import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator

from prompts.filters import code
from repository.edits.model import EditFailed
from repository.git import EXECUTABLE, Entry, Mirror

MAX_FILE_BYTES = 1_000_000
_MAX_TARGET = 300
"""Characters of a symbolic link's target that are shown."""
_LINK = "120000"
_KINDS = {
    "100644": "a file",
    "100755": "a file",
    _LINK: "a symbolic link",
    "160000": "a submodule",
}


class EditableFiles:
    """The files of a tree by path; links, submodules and folders can't be edited."""

    def __init__(
        self,
        entries: Iterable[Entry],
        load: Callable[[Entry], bytes],
        *,
        is_work_tree: bool = False,
    ):
        """Args:
        entries: what the tree holds.
        load: returns the content of an entry; of a symbolic link, its target.
        is_work_tree: whether the contents are those of a work tree, in which git converts line
            ends, rather than those of git's objects.
        """
        self.is_work_tree = is_work_tree
        self._entries = {entry.path: entry for entry in entries}
        self._folders: set[str] = set()
        for path in self._entries:
            self._folders.update(_folders(path))
        self._load = load

    @classmethod
    def of_tree(cls, mirror: Mirror, treeish: str) -> "EditableFiles":
        """Return the files of a commit or tree."""

        def load(entry: Entry) -> bytes:
            return next(mirror.read_many([entry.sha]))

        return cls(mirror.files(treeish), load)

    @property
    def paths(self) -> Collection[str]:
        """The paths of the tree's entries."""
        return self._entries.keys()

    def is_executable(self, path: str) -> bool:
        """Return whether the tree has an executable file with this path."""
        entry = self._entries.get(path)
        return entry is not None and entry.mode == EXECUTABLE

    def read(self, path: str) -> bytes | None:
        """Return a file's content, or None if there is no such file but it could be created.

        Raises:
            EditFailed: the path is not a regular file, is too large, or lies below another file.
        """
        if path in self._folders:
            raise EditFailed("it is a folder")
        entry = self._entries.get(path)
        if entry is None:
            self._check_parents(path)
            return None
        if entry.mode == _LINK:
            raise EditFailed(self._describe_link(entry))
        if not entry.is_regular:
            raise EditFailed(f"it is {_kind(entry)}")
        if entry.size > MAX_FILE_BYTES:
            raise EditFailed(
                f"the file has {entry.size} bytes; at most {MAX_FILE_BYTES} can be edited"
            )
        return self._load(entry)

    def _describe_link(self, entry: Entry) -> str:
        """Say where a symbolic link leads, as a path of the tree if it leads to one."""
        target = self._load(entry).decode(errors="replace")[:_MAX_TARGET]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), target))
        if path in self._entries:
            return f"it is a symbolic link to {code(path)}: edit that file instead"
        return f"it is a symbolic link to {code(target)}"

    def _check_parents(self, path: str) -> None:
        for folder in _folders(path):
            entry = self._entries.get(folder)
            if entry is not None:
                raise EditFailed(f"{code(folder)} is {_kind(entry)}, not a folder")


def _kind(entry: Entry) -> str:
    return _KINDS.get(entry.mode, "a special file")


def _folders(path: str) -> Iterator[str]:
    """Return the folders above a path, the topmost first."""
    for at, character in enumerate(path):
        if character == "/":
            yield path[:at]
