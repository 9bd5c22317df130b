"""The files of a commit, as detection reads them: from git objects, never from a work tree."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from repository.files import Kind, kind_of
from repository.git import Entry, Mirror

_MAX_READ_BYTES = 1_000_000
_REGULAR_FILE = ("100644", "100755")
_LIKELY_READ = re.compile(r"(?:^|/)tests?\.\w+$|require[^/]*\.txt$|^[^/]*$|^\.github/")
"""Read at once, beside tests, since one by one takes a process each."""
_MAX_READ_AT_ONCE = 2000


@dataclass(frozen=True)
class Tree:
    """The regular files of a commit."""

    sizes: Mapping[str, int]
    """path -> bytes"""
    read: Callable[[str], str | None]
    """Return a file's text; None where there is no such file, or it is too large."""

    @property
    def paths(self) -> list[str]:
        return list(self.sizes)

    def text(self, path: str) -> str:
        """Return a file's text; empty where it can't be read."""
        return self.read(path) or ""


def read_tree(mirror: Mirror, sha: str) -> Tree:
    """Return the files of a commit; those that detection is likely to read are fetched at once."""
    entries = {entry.path: entry for entry in mirror.files(sha) if entry.mode in _REGULAR_FILE}
    contents = _read_likely(mirror, entries)

    def read(path: str) -> str | None:
        entry = entries.get(path)
        if entry is None or entry.size > _MAX_READ_BYTES:
            return None
        data = contents.get(path)
        if data is None:
            data = next(mirror.read_many([entry.sha]))
        return data.decode(errors="replace")

    return Tree(sizes={path: entry.size for path, entry in entries.items()}, read=read)


def _read_likely(mirror: Mirror, entries: Mapping[str, Entry]) -> dict[str, bytes]:
    likely = [
        entry
        for path, entry in entries.items()
        if entry.size <= _MAX_READ_BYTES and _is_likely_read(path)
    ]
    likely.sort(key=lambda entry: entry.path.count("/"))
    chosen = likely[:_MAX_READ_AT_ONCE]
    contents = mirror.read_many([entry.sha for entry in chosen])
    return dict(zip([entry.path for entry in chosen], contents, strict=True))


def _is_likely_read(path: str) -> bool:
    return kind_of(path) is Kind.TEST or _LIKELY_READ.search(path) is not None
