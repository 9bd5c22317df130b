"""Find the path of the file that an edit is for, in the lines between it and the edit before."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from repository.edits.readers.naming import (
    FENCE,
    as_path,
    is_new_name,
    mentioned_paths,
    new_path_in_code,
    path_in_info,
)

Paths = Collection[str] | None
"""The paths of the repository; None if they are not known."""


@dataclass(frozen=True)
class Heading:
    """What the lines above an edit say about its file."""

    line: int
    """The line at which the edit's header begins, from 0."""
    path: str | None = None
    problem: str = ""
    """Why there is no path although something stands above the edit."""
    word: str | None = None
    """The only word of the line above the edit, which may be a new file's name."""

    @property
    def is_absent(self) -> bool:
        """Whether nothing stands above the edit, so that it continues the file before."""
        return self.path is None and not self.problem


def find_heading(lines: Sequence[str], opening: int, start: int, paths: Paths = None) -> Heading:
    """Find the heading of the edit that begins at ``opening``, not above ``start``.

    The nearest line above it must name the file, across blank lines and fences: alone, or as the
    only path of the repository in a sentence. If it names none, the only line above it that is a
    path counts.
    """
    return _HeadingFinder(lines, opening, start, paths).find()


def _match_layout(line: str) -> re.Match[str] | None:
    """Match a fence, or a tag without content: ``<path>a.py</path>`` is a path."""
    if line.lstrip().startswith("<") and as_path(line) is not None:
        return None
    return FENCE.match(line)


class _HeadingFinder:
    def __init__(self, lines: Sequence[str], opening: int, start: int, paths: Paths):
        self._lines = lines
        self._start = start
        self._known: Collection[str] = () if paths is None else paths
        self._accepts_words = paths is None
        self._header = opening
        self._at = opening - 1
        """The line that is looked at; the search goes upwards."""
        self._in_fence: Heading | None = None
        """What a fence above the edit names, if it is no known path."""

    def find(self) -> Heading:
        known = self._pass_layout()
        if known is not None:
            return known
        if self._at < self._start:
            return self._in_fence or Heading(self._header)
        nearest = self._read_nearest(self._lines[self._at])
        if nearest is not None:
            return nearest
        return self._in_fence or self._find_further_up()

    def _pass_layout(self) -> Heading | None:
        """Move up to the nearest line of text; return what a fence names, if that is known."""
        while self._at >= self._start:
            line = self._lines[self._at]
            fence = _match_layout(line)
            if fence is not None:
                self._header = self._at
                path = path_in_info(fence["info"], self._known)
                if path in self._known:
                    return Heading(self._at, path)
                if path and self._in_fence is None:
                    self._in_fence = Heading(self._at, path)
            elif any(character.isalnum() for character in line):
                return None
            self._at -= 1
        return None

    def _read_nearest(self, line: str) -> Heading | None:
        path = as_path(line, self._known)
        if path in self._known:
            return Heading(self._at, path)
        mentioned = mentioned_paths(line, self._known)
        if len(mentioned) == 1:
            return Heading(self._header, mentioned[0])
        if len(mentioned) > 1:
            return Heading(self._header, problem="the line above it names several files")
        if self._in_fence is not None:
            return None
        if path is not None:
            return Heading(self._at, path)
        if self._accepts_words and is_new_name(line):
            return Heading(self._at, line.strip().strip("`*"))
        new = new_path_in_code(line)
        return Heading(self._header, new) if new else None

    def _find_further_up(self) -> Heading:
        found: dict[str, int] = {}
        for at in range(self._at - 1, self._start - 1, -1):
            path = as_path(self._lines[at], self._known)
            if path is not None:
                found.setdefault(path, at)
        if len(found) == 1:
            ((path, _),) = found.items()
            return Heading(self._header, path)
        nearest = self._lines[self._at]
        return Heading(
            line=self._at if is_new_name(nearest) else self._header,
            problem="the line above it is no path",
            word=nearest.strip().strip("`*") if is_new_name(nearest) else None,
        )
