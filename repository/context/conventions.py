"""Find a repository's instructions for contributors, human or not.

They are read from a commit's objects, never from a work tree. Their text is untrusted.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from prompts.filters import clip
from repository.git import Entry, Mirror
from repository.text_encoding import NotText, decode_text

MAX_FILE_CHARS = 10_000
MAX_TOTAL_CHARS = 20_000
_MIN_CHARS = 500
"""Minimum characters of a file's part: a smaller one is useless."""
_MAX_FILES = 8
_MAX_BYTES = 200_000
"""Larger files are not read."""
_MAX_LINKS = 5
"""Maximum number of links that are followed in a row."""
_MAX_TARGET = 500
"""Maximum characters of a file that may stand for a link."""

_AGENT_FILES = ("agents.md", "claude.md")
"""Also looked for in folders: there they apply to the files below
(https://agents.md/, https://code.claude.com/docs/en/memory)."""
_ROOT_FILES = (
    *_AGENT_FILES,
    ".claude/claude.md",
    "gemini.md",
    ".github/copilot-instructions.md",
    ".cursorrules",
    ".windsurfrules",
    ".clinerules",
)
_CONTRIBUTING = tuple(
    f"{folder}contributing{suffix}"
    for folder in ("", ".github/", "docs/")
    for suffix in (".md", ".rst", ".txt", "")
)


class Convention(BaseModel):
    model_config = ConfigDict(frozen=True)

    path: str
    text: str
    """With LF line endings; the middle of a long file is left out, with a note."""


def read_conventions(
    mirror: Mirror, entries: Sequence[Entry], likely: Sequence[str]
) -> tuple[Convention, ...]:
    """Return the instruction files of a commit, the most specific to agents first.

    Args:
        mirror: the repository.
        entries: all files of the commit.
        likely: paths that the change will probably touch. Instructions in their folders are read,
            too, the nearest first.
    """
    by_path = {entry.path: entry for entry in entries}
    reader = _Reader(mirror, by_path)
    conventions: list[Convention] = []
    texts: set[str] = set()
    remaining = MAX_TOTAL_CHARS
    for path in _candidates(by_path, likely):
        text = reader.read(path)
        if text is None or text in texts:
            continue
        size = min(remaining, MAX_FILE_CHARS)
        if size < min(_MIN_CHARS, len(text)) or len(conventions) == _MAX_FILES:
            break
        texts.add(text)
        conventions.append(Convention(path=path, text=clip(text, size)))
        remaining -= min(len(text), size)
    return tuple(conventions)


def _candidates(paths: Mapping[str, Entry], likely: Sequence[str]) -> Iterator[str]:
    """Yield the paths of instruction files in order of relevance; the case of names is ignored."""
    by_folded_path: dict[str, str] = {}
    for path in sorted(paths):
        by_folded_path.setdefault(path.casefold(), path)
    nested = [f"{folder}/{name}" for folder in _folders(likely) for name in _AGENT_FILES]
    for path in (*_ROOT_FILES, *nested, *_CONTRIBUTING):
        if path.casefold() in by_folded_path:
            yield by_folded_path[path.casefold()]


def _folders(paths: Sequence[str]) -> list[str]:
    """Return the folders above the paths, except the root: those of the first path first, each
    before its parent.
    """
    folders: dict[str, None] = {}
    for path in paths:
        folder = posixpath.dirname(path)
        while folder:
            folders[folder] = None
            folder = posixpath.dirname(folder)
    return list(folders)


@dataclass(frozen=True)
class _Reader:
    mirror: Mirror
    entries: Mapping[str, Entry]

    def read(self, path: str) -> str | None:
        """Return the text of a file, or of the file of the commit that it is a link to.

        None if there is no such file in the commit, or it is empty, binary or too large.
        """
        for _ in range(_MAX_LINKS):
            text = self._text(path)
            target = self._target(path, text)
            if target is None:
                return text
            path = target
        return None

    def _text(self, path: str) -> str | None:
        """Return the text of a regular file or of a symbolic link, stripped."""
        entry = self.entries.get(path)
        if entry is None or not 0 < entry.size <= _MAX_BYTES:
            return None
        (data,) = self.mirror.read_many([entry.sha])
        try:
            text = decode_text(data).text
        except NotText:
            return None
        return text.removeprefix("\ufeff").replace("\r\n", "\n").strip() or None

    def _target(self, path: str, text: str | None) -> str | None:
        """Return the path that a link leads to; None if the file is not a link.

        A file that only names another (``@AGENTS.md``, or a link that was checked in on a system
        without links) counts as a link to it.
        """
        if text is None:
            return None
        is_link = not self.entries[path].is_regular
        if not is_link and len(text) > _MAX_TARGET:
            return None
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), text.lstrip("@")))
        return target if is_link or target in self.entries else None
