"""A view of one git tree's files for the agent.

It never reads the file system: paths are looked up in the git tree, so links are not followed.
"""

import difflib
from functools import cached_property
from typing import NoReturn

from prompts.filters import clip
from repository.definitions import find_definitions, grep_pattern
from repository.git import Entry, Mirror
from stages.propose_patch.tools import Open, Search, Symbol, ToolError

#: Limit of one line in a result, in characters.
MAX_WIDTH = 300
MAX_LINES = 250
MAX_MATCHES = 40
MAX_SYMBOLS = 3
_LINES_A_SYMBOL = MAX_LINES // MAX_SYMBOLS
MAX_FILE_BYTES = 2_000_000
#: Number of paths that a wrong one is compared with.
_MAX_COMPARED = 20_000
_SYMBOLIC_LINK = "120000"
_SUBMODULE = "160000"


class TreeView:
    """The files of one tree. All methods block, and raise ToolError if a call fails."""

    def __init__(self, mirror: Mirror, tree: str):
        self._mirror = mirror
        self._tree = tree

    @cached_property
    def files(self) -> dict[str, Entry]:
        return {entry.path: entry for entry in self._mirror.files(self._tree)}

    def search(self, call: Search) -> str:
        """Return the lines that contain a text."""
        folder = call.path.strip("/")
        if folder and not self._exists(folder):
            self.refuse_missing(call.path)
        matches = self._mirror.grep(self._tree, call.text, folder=folder)
        count = len(matches)
        heading = f"{count} lines{_shown_note(count, MAX_MATCHES)}"
        shown = [line[:MAX_WIDTH] for line in matches[:MAX_MATCHES]]
        text = "\n".join(shown)
        return f"{heading}\n{text}"

    def open(self, call: Open) -> str:
        """Return a file's lines with their numbers."""
        lines = self._read(call.path).splitlines()
        count = len(lines)
        first, last = _line_range(call.lines)
        last_allowed = min(last, max(count, 1))
        if not 1 <= first <= last_allowed:
            raise ToolError(f"{call.path} has {count} lines; there are no lines {call.lines}.")
        last = min(last, first + MAX_LINES - 1, count)
        heading = f"{call.path}, lines {first}-{last} of {count}"
        text = _number_lines(lines, first, last)
        return f"{heading}\n{text}"

    def find_symbol(self, call: Symbol) -> str:
        """Return the definitions of a name."""
        own_name = call.name.rsplit(".", 1)[-1]
        definitions: list[str] = []
        for path in self._paths_with_definition(own_name):
            definitions += self._definitions_in(path, call.name)
        if not definitions:
            raise ToolError(f"No definition of {call.name} was found: search for it.")
        count = len(definitions)
        heading = f"{count} definitions{_shown_note(count, MAX_SYMBOLS)}"
        return "\n\n".join([heading, *definitions[:MAX_SYMBOLS]])

    def refuse_missing(self, path: str) -> NoReturn:
        """Raise a ToolError for a missing file that suggests similar paths."""
        hint = "Paths are relative to the repository's root."
        similar = self._similar_paths(path)
        if similar:
            hint = f"Similar paths: {', '.join(similar)}."
        raise ToolError(f"there is no file {clip(path, 200)!r}. {hint}")

    def _exists(self, path: str) -> bool:
        """Whether a file or folder has this path."""
        if path in self.files:
            return True
        return any(known.startswith(f"{path}/") for known in self.files)

    def _similar_paths(self, path: str) -> list[str]:
        """Return up to five paths with the same file name; if there are none, similar paths."""
        name = _file_name(path.rstrip("/"))
        same_name = [known for known in self.files if _file_name(known) == name]
        if same_name:
            return same_name[:5]
        compared = list(self.files)[:_MAX_COMPARED]
        return difflib.get_close_matches(path, compared, 3)

    def _paths_with_definition(self, name: str) -> list[str]:
        """Return the paths of files with a line that may define the name."""
        pattern = grep_pattern(name)
        paths: list[str] = []
        for line in self._mirror.grep(self._tree, pattern, regex=True):
            path = line.split(":")[0]
            if path in self.files and path not in paths:
                paths.append(path)
        return paths

    def _definitions_in(self, path: str, name: str) -> list[str]:
        lines = self._read(path).splitlines()
        texts: list[str] = []
        for definition in find_definitions(path, lines, name):
            first = definition.first
            last = min(definition.last, first + _LINES_A_SYMBOL)
            text = _number_lines(lines, first, last)
            texts.append(f"{path}, lines {first}-{last}\n{text}")
        return texts

    def _read(self, path: str) -> str:
        entry = self.files.get(path)
        if entry is None:
            self.refuse_missing(path)
        data = None
        if entry.size <= MAX_FILE_BYTES:
            data = self._mirror.read(self._tree, path)
        if data is None or b"\0" in data:
            raise ToolError(f"{path} is {_kind(entry)}: it can't be shown.")
        return data.decode(errors="replace")


def _line_range(lines: str) -> tuple[int, int]:
    """Return the first and last line of a range ``FIRST-LAST``, by default the file's beginning."""
    if not lines:
        return 1, MAX_LINES
    first, _, last = lines.partition("-")
    return int(first), int(last)


def _kind(entry: Entry) -> str:
    if entry.mode == _SYMBOLIC_LINK:
        return "a symbolic link"
    if entry.mode == _SUBMODULE:
        return "a submodule"
    return "too large, or not text"


def _file_name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _shown_note(count: int, limit: int) -> str:
    return f" (the first {limit} are shown)" if count > limit else ""


def _number_lines(lines: list[str], first: int, last: int) -> str:
    numbered: list[str] = []
    for number in range(first, last + 1):
        line = lines[number - 1][:MAX_WIDTH]
        numbered.append(f"{number:>5} {line}")
    return "\n".join(numbered)
