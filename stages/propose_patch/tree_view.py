"""What an agent can look at: the files of one git tree.

Reading never touches a file system: paths are looked up in the tree, so that links lead nowhere.
"""

import difflib
from functools import cached_property
from typing import NoReturn

from prompts.filters import clip
from repository.definitions import find_definitions, grep_pattern
from repository.git import Entry, Mirror
from stages.propose_patch.tools import Open, Search, Symbol, ToolError

#: Characters of one line in a result.
MAX_WIDTH = 300
MAX_LINES = 250
MAX_MATCHES = 40
MAX_SYMBOLS = 3
MAX_FILE_BYTES = 2_000_000
#: Paths that a wrong one is compared with.
_MAX_COMPARED = 20_000
_SYMBOLIC_LINK = "120000"
_SUBMODULE = "160000"


class TreeView:
    """The files of one tree. All methods block; a call that can't be done raises ToolError."""

    def __init__(self, mirror: Mirror, tree: str):
        self._mirror = mirror
        self._tree = tree

    @cached_property
    def files(self) -> dict[str, Entry]:
        return {entry.path: entry for entry in self._mirror.files(self._tree)}

    def search(self, call: Search) -> str:
        """Return the lines that hold a text."""
        folder = call.path.strip("/")
        if folder and not self._exists(folder):
            self.refuse_missing(call.path)
        matches = self._mirror.grep(self._tree, call.text, folder=folder)
        heading = f"{len(matches)} lines{_shown_note(len(matches), MAX_MATCHES)}"
        lines = [line[:MAX_WIDTH] for line in matches[:MAX_MATCHES]]
        return "\n".join([heading, "\n".join(lines)])

    def open(self, call: Open) -> str:
        """Return a file's lines with their numbers."""
        lines = self._read(call.path).splitlines()
        first, last = 1, MAX_LINES
        if call.lines:
            first, last = (int(number) for number in call.lines.split("-"))
        if not 1 <= first <= min(last, max(len(lines), 1)):
            raise ToolError(f"{call.path} has {len(lines)} lines; there are no lines {call.lines}.")
        last = min(last, first + MAX_LINES - 1, len(lines))
        heading = f"{call.path}, lines {first}-{last} of {len(lines)}"
        return f"{heading}\n{_number_lines(lines, first, last)}"

    def find_symbol(self, call: Symbol) -> str:
        """Return the definitions of a name."""
        definitions: list[str] = []
        for path in self._paths_with_definition(call.name.rsplit(".", 1)[-1]):
            lines = self._read(path).splitlines()
            for definition in find_definitions(path, lines, call.name):
                first = definition.first
                last = min(definition.last, first + MAX_LINES // MAX_SYMBOLS)
                text = _number_lines(lines, first, last)
                definitions.append(f"{path}, lines {first}-{last}\n{text}")
        if not definitions:
            raise ToolError(f"No definition of {call.name} was found: search for it.")
        count = len(definitions)
        heading = f"{count} definitions{_shown_note(count, MAX_SYMBOLS)}"
        return "\n\n".join([heading, *definitions[:MAX_SYMBOLS]])

    def refuse_missing(self, path: str) -> NoReturn:
        """Raise the ToolError of a file that is not there, with the nearest that are."""
        name = _file_name(path.rstrip("/"))
        similar = [known for known in self.files if _file_name(known) == name]
        if not similar:
            compared = list(self.files)[:_MAX_COMPARED]
            similar = difflib.get_close_matches(path, compared, 3)
        hint = "Paths are relative to the repository's root."
        if similar:
            hint = f"There is {', '.join(similar[:5])}."
        raise ToolError(f"there is no file {clip(path, 200)!r}. {hint}")

    def _exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        return any(known == path or known.startswith(f"{path}/") for known in self.files)

    def _paths_with_definition(self, name: str) -> list[str]:
        matches = self._mirror.grep(self._tree, grep_pattern(name), regex=True)
        paths = dict.fromkeys(line.split(":")[0] for line in matches)
        return [path for path in paths if path in self.files]

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


def _kind(entry: Entry) -> str:
    if entry.mode == _SYMBOLIC_LINK:
        return "a symbolic link"
    if entry.mode == _SUBMODULE:
        return "a submodule"
    return "too large, or no text"


def _file_name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _shown_note(count: int, limit: int) -> str:
    return f" (the first {limit} are shown)" if count > limit else ""


def _number_lines(lines: list[str], first: int, last: int) -> str:
    numbered: list[str] = []
    for number in range(first, last + 1):
        numbered.append(f"{number:>5} {lines[number - 1][:MAX_WIDTH]}")
    return "\n".join(numbered)
