"""Calls of other agents' search tools, as shell commands: our agent has no such tools."""

import shlex
from collections.abc import Mapping, Sequence

from stages.propose_patch.agent.protocol.names import plain_name

_TEXT_SEARCHES = (
    "grep",
    "grep_search",
    "rg",
    "ripgrep",
    "search",
    "search_dir",
    "search_file",
    "search_file_content",
    "search_files",
)
_FILE_SEARCHES = ("file_search", "find_file", "find_files", "glob", "glob_file_search")
_PATTERNS = (
    "pattern",
    "query",
    "regex",
    "search_term",
    "text",
    "file_name",
    "filename",
    "name",
    "glob_pattern",
)
_FOLDERS = ("path", "dir", "dir_path", "directory", "folder", "file", "target_directory")
_FILTERS = ("include", "glob", "file_pattern", "include_pattern")


def search_command(name: str, arguments: object) -> str | None:
    """Return the command that does what a search tool's call asks for; None for any other call."""
    plain = plain_name(name)
    fields = arguments if isinstance(arguments, Mapping) else {"pattern": arguments}
    pattern = _first_text(fields, _PATTERNS)
    folder = _first_text(fields, _FOLDERS) or "."
    if not pattern:
        return None
    if plain in _TEXT_SEARCHES:
        return _grep(pattern, folder, _first_text(fields, _FILTERS))
    if plain in _FILE_SEARCHES:
        return _find(pattern, folder)
    return None


def _first_text(fields: Mapping[str, object], names: Sequence[str]) -> str:
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _grep(pattern: str, folder: str, include: str) -> str:
    """Return a grep with Perl's expressions, the closest to those of ripgrep and JavaScript."""
    words = ["grep", "-rnIP", "--exclude-dir=.git"]
    if include:
        words.append(f"--include={include.rpartition('/')[2]}")
    return shlex.join([*words, "-e", pattern, "--", folder])


def _find(pattern: str, folder: str) -> str:
    test = ["-name", pattern]
    if "/" in pattern:
        test = ["-path", "*" + pattern.replace("**/", "").removeprefix("*")]
    return shlex.join(["find", folder, *test, "-not", "-path", "*/.git/*"])
