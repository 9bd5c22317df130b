"""The files of a commit for detection, read from git objects, never from a work tree."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from repository.files import Kind, kind_of
from repository.git import Entry, Mirror
from repository.text_encoding import read_text

_MAX_READ_BYTES = 1_000_000
_MAX_LINE = 300
_MAX_LINES = 1000
_OTHER_LIKELY_READ = re.compile(
    r"(?:^|/)(?:tests?\.\w+|pyproject\.toml|setup\.(?:py|cfg)|tox\.ini|manage\.py)$"
    r"|require[^/]*\.txt$|^[^/]*$|(?:^|/)package\.json$|^\.github/"
)
_MAX_READ_AT_ONCE = 2000


@dataclass(frozen=True)
class Tree:
    """The regular files of a commit."""

    sizes: Mapping[str, int]
    """Path -> size in bytes."""
    read: Callable[[str], str | None]
    """Return a file's text, or None if it does not exist or is too large."""

    @property
    def paths(self) -> list[str]:
        return list(self.sizes)

    def text(self, path: str) -> str:
        """Return a file's text, or an empty string if it can't be read."""
        return self.read(path) or ""

    def lines(self, path: str) -> list[tuple[int, str]]:
        """Return the first lines of a file with their numbers, without those that are too long."""
        lines = self.text(path).splitlines()[:_MAX_LINES]
        return [(number, line) for number, line in enumerate(lines, 1) if len(line) <= _MAX_LINE]

    def matching(self, patterns: Sequence[str]) -> list[str]:
        """Return the paths that match a pattern of the same depth, in the order of the patterns."""
        depths = {pattern.count("/") for pattern in patterns}
        paths = [path for path in self.sizes if path.count("/") in depths]
        matching: dict[str, None] = {}
        for pattern in patterns:
            for path in paths:
                if path.count("/") == pattern.count("/") and fnmatchcase(path, pattern):
                    matching[path] = None
        return list(matching)

    def below(self, folder: str, shared: Collection[str] = ()) -> "Tree":
        """Return the files of a folder, with paths relative to it.

        ``shared`` files, which are not in the folder, are added unless it has one of that name. In
        their text, paths that begin with the folder are relative to it.
        """
        prefix = f"{folder}/" if folder else ""
        sizes = {path: self.sizes[path] for path in shared}
        for path, size in self.sizes.items():
            if path.startswith(prefix):
                sizes[path.removeprefix(prefix)] = size
        named = re.compile(rf"(?<![\w./-])(?:\./)?{re.escape(folder)}(?![\w-])")

        def read(path: str) -> str | None:
            text = self.read(prefix + path)
            if text is None and path in shared:
                return named.sub(".", self.text(path))
            return text

        return Tree(sizes, read)

    def without(self, folders: Collection[str]) -> "Tree":
        """Return the files that are in none of these folders."""
        if not folders:
            return self
        prefixes = tuple(f"{folder}/" for folder in folders)
        sizes = {path: size for path, size in self.sizes.items() if not path.startswith(prefixes)}
        return Tree(sizes, lambda path: self.read(path) if path in sizes else None)


def read_tree(mirror: Mirror, sha: str) -> Tree:
    """Return the files of a commit.

    Those that detection is likely to read are fetched at once, since each fetch starts a process.
    """
    entries: dict[str, Entry] = {}
    sizes: dict[str, int] = {}
    for entry in mirror.files(sha):
        if entry.is_regular:
            entries[entry.path] = entry
            sizes[entry.path] = entry.size
    contents = _read_at_once(mirror, entries)

    def read(path: str) -> str | None:
        entry = entries.get(path)
        if entry is None or entry.size > _MAX_READ_BYTES:
            return None
        data = contents.get(path)
        if data is None:
            data = next(mirror.read_many([entry.sha]))
        return read_text(data)

    return Tree(sizes, read)


def _read_at_once(mirror: Mirror, entries: Mapping[str, Entry]) -> dict[str, bytes]:
    paths = filter(_is_likely_read, entries)
    readable = [path for path in paths if entries[path].size <= _MAX_READ_BYTES]
    chosen = sorted(readable, key=_depth)[:_MAX_READ_AT_ONCE]
    contents = mirror.read_many([entries[path].sha for path in chosen])
    return dict(zip(chosen, contents, strict=True))


def _is_likely_read(path: str) -> bool:
    if kind_of(path) is Kind.TEST:
        return True
    return _OTHER_LIKELY_READ.search(path) is not None


def _depth(path: str) -> int:
    return path.count("/")
