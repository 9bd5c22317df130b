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
        reason = None if found else _why_missing(written, by_path)
        if reason is not None and len(missing) < _MAX_MISSING:
            missing[written] = reason
        if len(found) > MAX_AMBIGUITY or not _names(written, found):
            continue
        written_lines = query.lines.get(written, frozenset())
        for path in [*found, *_link_targets(mirror, found, by_path)]:
            named[path] = by_path[path]
            lines[path] = lines.get(path, frozenset()) | written_lines
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
    parts = _parts(written)
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
    if not found:
        return False
    parts = _parts(written)
    tail = "/".join(parts[-2:])
    names = (tail, parts[-1])
    return any(path in names or path.endswith(f"/{tail}") for path in found)


def _parts(written: str) -> list[str]:
    return [part for part in written.split("/") if part]


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
        target = _link_target(mirror, by_path[path])
        if target is not None and target in by_path:
            targets.append(target)
    return targets


def _link_target(mirror: Mirror, entry: Entry) -> str | None:
    """Return the path to which a symbolic link leads; None for other files."""
    if entry.mode != _LINK or entry.size > _MAX_TARGET:
        return None
    (data,) = mirror.read_many([entry.sha])
    folder = posixpath.dirname(entry.path)
    target = data.decode(errors="replace")
    return posixpath.normpath(posixpath.join(folder, target))


def _names_without_extension(by_name: Mapping[str, Sequence[str]], query: Query) -> list[str]:
    """Return names such as ``Makefile`` in the issue, which look like any other word."""
    return sorted(name for name in query.identifiers if name in by_name)


def _why_missing(written: str, by_path: Mapping[str, Entry]) -> str | None:
    """Return why a path that looks like one of the repository is none; None for other words."""
    if _is_in_submodule(written, by_path):
        return "it lies in a submodule, whose files are not here"
    is_outside = written.startswith(("/", "~", ".."))
    if is_outside or kind_of(written) is None or not _is_certainly_path(written):
        return None
    return "there is no such file in this commit"


def _is_in_submodule(path: str, by_path: Mapping[str, Entry]) -> bool:
    folder = path
    while "/" in folder:
        folder = folder.rpartition("/")[0]
        entry = by_path.get(folder)
        if entry is not None and entry.mode == _SUBMODULE:
            return True
    return False


def _is_certainly_path(written: str) -> bool:
    """Return whether a name in an issue must be that of a file, unlike ``Node.js`` and ``e.g``."""
    if "/" in written:
        return True
    extension = written.rpartition(".")[2].lower()
    return len(extension) > 1 and extension not in _WORDS_LIKE_FILES
