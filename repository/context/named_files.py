"""The files that an issue names: which of a commit's they are, and why some can't be shown."""

import posixpath
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from repository.common_edges import common_tail
from repository.context.query import Query
from repository.files import kind_of, name_of
from repository.git import Entry, Mirror
from repository.protected_paths import is_secret
from repository.text_encoding import NotText, decode_text

MAX_NAMED_BYTES = 4_000_000
"""A larger file is not shown, not even in part."""
MAX_AMBIGUITY = 5
"""A name that more files share is ignored as ambiguous."""
_SUBMODULE = "160000"
_LINK = "120000"
_MAX_TARGET = 4_000
"""Characters of the target of a link."""
_MAX_MISSING = 10
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_WORDS_LIKE_FILES = frozenset({"js", "md"})
"""Extensions of names that are often not files: ``Node.js``."""


@dataclass(frozen=True)
class NamedFiles:
    """The files of a commit that an issue names."""

    entries: Mapping[str, Entry]
    """By path, in the order in which the issue names them."""
    lines: Mapping[str, frozenset[int]]
    """Path -> numbers of the lines that the issue names."""
    missing: Mapping[str, str]
    """Path as written -> why there is no such file."""


def find_named(mirror: Mirror, entries: Sequence[Entry], query: Query) -> NamedFiles:
    """Return the files that an issue names, by their path or the end of it.

    A symbolic link also names the file that it leads to.
    """
    by_path = {entry.path: entry for entry in entries}
    by_name = paths_by_name(by_path)
    named: dict[str, Entry] = {}
    lines: dict[str, frozenset[int]] = {}
    missing: dict[str, str] = {}
    for written in [*query.paths, *_names_without_extension(by_name, query)]:
        found = longest_matches(written, by_name)
        if not found and len(missing) < _MAX_MISSING:
            reason = _why_missing(written, by_path)
            if reason:
                missing[written] = reason
        if len(found) > MAX_AMBIGUITY or not _names(written, found):
            continue
        for path in [*found, *_link_targets(mirror, found, by_path)]:
            named[path] = by_path[path]
            lines[path] = lines.get(path, frozenset()) | query.lines.get(written, frozenset())
    return NamedFiles(named, lines, missing)


def paths_by_name(paths: Collection[str]) -> Mapping[str, Sequence[str]]:
    """Return the paths by their last component."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        by_name[name_of(path)].append(path)
    return by_name


def longest_matches(written: str, by_name: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the files that a path in an issue refers to.

    Files with the longest common suffix match, so that paths of an installed copy are recognized.
    """
    parts = [part for part in written.split("/") if part]
    if not parts:
        return []
    best: list[str] = []
    longest_tail = 0
    for path in by_name.get(parts[-1], ()):
        tail = common_tail(path.split("/"), parts)
        if tail > longest_tail:
            best = []
            longest_tail = tail
        if tail == longest_tail:
            best.append(path)
    return best


def _names(written: str, found: Sequence[str]) -> bool:
    """Return whether more than the last component of a written path is that of the files.

    A path without folders names every file of that name.
    """
    parts = [part for part in written.split("/") if part]
    tail = "/".join(parts[-2:])
    return any(path in (tail, parts[-1]) or path.endswith(f"/{tail}") for path in found)


def why_not_readable(entry: Entry) -> str | None:
    """Return why a file is not shown, whatever its content; None if it may be."""
    if entry.mode == _SUBMODULE:
        return "it is a submodule, whose files are not here"
    if not entry.is_regular:
        return "it is a symbolic link"
    if is_secret(entry.path):
        return "by its name, it holds secrets"
    if entry.size == 0:
        return "it is empty"
    if entry.size > MAX_NAMED_BYTES:
        return f"it has {entry.size} bytes, more than {MAX_NAMED_BYTES}"
    return None


def why_not_text(data: bytes) -> str | None:
    """Return why the content of a file is not shown; None if it is text."""
    if data.startswith(_LFS_POINTER):
        return "Git LFS stores its content, which is not here"
    try:
        decode_text(data)
    except NotText as error:
        return str(error)
    return None


def _link_targets(mirror: Mirror, paths: Sequence[str], by_path: Mapping[str, Entry]) -> list[str]:
    """Return the files to which those of the paths lead that are symbolic links."""
    targets: list[str] = []
    for path in paths:
        entry = by_path[path]
        if entry.mode != _LINK or entry.size > _MAX_TARGET:
            continue
        (data,) = mirror.read_many([entry.sha])
        folder = posixpath.dirname(path)
        target = posixpath.normpath(posixpath.join(folder, data.decode(errors="replace")))
        if target in by_path:
            targets.append(target)
    return targets


def _names_without_extension(by_name: Mapping[str, Sequence[str]], query: Query) -> list[str]:
    """Return names such as ``Makefile`` in the issue, which look like any other word."""
    return sorted(name for name in query.identifiers if name in by_name)


def _why_missing(written: str, by_path: Mapping[str, Entry]) -> str | None:
    """Return why a path that looks like one of the repository is none; None for other words."""
    folder = written
    while "/" in folder:
        folder = folder.rpartition("/")[0]
        entry = by_path.get(folder)
        if entry is not None and entry.mode == _SUBMODULE:
            return "it lies in a submodule, whose files are not here"
    if written.startswith(("/", "~", "..")) or kind_of(written) is None:
        return None
    extension = written.rpartition(".")[2].lower()
    is_certain = "/" in written or (len(extension) > 1 and extension not in _WORDS_LIKE_FILES)
    return "there is no such file in this commit" if is_certain else None
