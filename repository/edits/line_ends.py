"""The line ends of a new file: those of git's or the editors' settings, or those of its siblings.

A model writes LF. Files that git normalizes have LF in its objects, whatever a work tree gets
(https://git-scm.com/docs/gitattributes#_end_of_line_conversion, https://spec.editorconfig.org).
"""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from repository.edits.editable_files import EditableFiles
from repository.edits.model import EditFailed
from repository.files import name_of

LF = "\n"
CRLF = "\r\n"
_BY_NAME = {"lf": LF, "crlf": CRLF}
_SECTION = re.compile(r"^\[(?P<pattern>.+)\]$")
_SETTING = re.compile(r"^(?P<key>[\w-]+)\s*[=:]\s*(?P<value>\S+)")
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_MAX_LINES = 2_000
"""Lines of a settings file that are read."""
_MAX_PATTERN = 1_024
"""Characters; a longer pattern matches nothing. The time to find its braces grows with the square
of its length.
"""
_MAX_PATTERNS = 50
_MAX_SIBLINGS = 20


def with_line_ends(
    texts: Mapping[str, str | None], created: Mapping[str, str], files: EditableFiles
) -> dict[str, str | None]:
    """Return the texts, those of new files with the line ends that they should have.

    Args:
        texts: path -> new text, or None if the file is removed.
        created: the texts of new files among them, by path.
        files: the files before.
    """
    result = dict(texts)
    for path, text in created.items():
        if "\r" not in text:
            result[path] = text.replace(LF, line_end(path, text, files))
    return result


def line_end(path: str, text: str, files: EditableFiles) -> str:
    """Return the line end that a new file with this text should have."""
    if text.startswith("#!"):
        return LF  # With CRLF, the interpreter is not found.
    by_git = _by_attributes(path, files)
    if by_git is not None:
        return by_git
    by_editor = _by_editorconfig(path, files)
    return _by_siblings(path, files) if by_editor is None else by_editor


def _by_attributes(path: str, files: EditableFiles) -> str | None:
    """Return what ``.gitattributes`` decide; None if git leaves the line ends as they are."""
    is_text = False
    end: str | None = None
    for name, value in _attributes(path, files):
        if name in ("-text", "binary"):
            is_text = False
            end = None
        elif name == "eol":
            is_text = True
            end = _BY_NAME.get(value)
        elif name == "text":
            is_text = True
    if files.is_work_tree:
        return end
    return LF if is_text else None


def _attributes(path: str, files: EditableFiles) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a path's attributes; a later one counts more."""
    for folder in reversed(list(_folders(path))):
        path_below = path.removeprefix(folder)
        for line in _lines(f"{folder}.gitattributes", files):
            pattern, *attributes = line.split()
            if not _matches(pattern, path_below):
                continue
            for attribute in attributes:
                name, _, value = attribute.partition("=")
                yield name, value


def _by_editorconfig(path: str, files: EditableFiles) -> str | None:
    """Return what the nearest ``.editorconfig`` with an opinion says."""
    for folder in _folders(path):
        lines = _lines(f"{folder}.editorconfig", files)
        settings = dict(_settings(lines, path.removeprefix(folder)))
        end = _BY_NAME.get(settings.get("end_of_line", ""))
        if end is not None or settings.get("root") == "true":
            return end
    return None


def _settings(lines: list[str], path: str) -> Iterator[tuple[str, str]]:
    """Yield the keys and values of an ``.editorconfig`` that apply to a path."""
    applies = True
    for line in lines:
        section = _SECTION.match(line)
        setting = _SETTING.match(line)
        if section is not None:
            applies = _matches_any(section["pattern"], path)
        elif setting is not None and applies:
            yield setting["key"].lower(), setting["value"].lower()


def _by_siblings(path: str, files: EditableFiles) -> str:
    """Return CRLF if all files that are most like the new one have it, else LF."""
    for group in _groups_of_siblings(path, files):
        ends = _line_ends(group, files)
        if ends:
            return CRLF if ends == {CRLF} else LF
    return LF


def _groups_of_siblings(path: str, files: EditableFiles) -> Iterator[list[str]]:
    """Yield files of the same folder and kind, then of the same kind, then of the folder."""
    folder = _folder(path)
    kind = _kind(path)
    paths = sorted(files.paths)
    beside = [other for other in paths if _folder(other) == folder]
    yield [other for other in beside if _kind(other) == kind]
    yield [other for other in paths if _kind(other) == kind]
    yield beside


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _kind(path: str) -> str:
    return name_of(path).rpartition(".")[2]


def _line_ends(paths: list[str], files: EditableFiles) -> set[str]:
    """Return the line ends of the first files."""
    ends: set[str] = set()
    for path in paths[:_MAX_SIBLINGS]:
        end = _only_end(_read(path, files))
        if end is not None:
            ends.add(end)
    return ends


def _only_end(content: bytes) -> str | None:
    """Return the line end of a text, or "mixed"; None if it has one line or is no text."""
    lines = content.count(b"\n")
    if lines == 0 or b"\0" in content:
        return None
    windows = content.count(b"\r\n")
    if windows == lines:
        return CRLF
    return LF if windows == 0 else "mixed"


def _folders(path: str) -> Iterator[str]:
    """Yield the folders of a path from its own to the root, with a slash; the root is empty."""
    folder = _folder(path)
    while folder:
        yield f"{folder}/"
        folder = _folder(folder)
    yield ""


def _lines(path: str, files: EditableFiles) -> list[str]:
    """Return the lines of a settings file without comments."""
    text = _read(path, files).decode(errors="replace").removeprefix("\ufeff")
    lines = [line.strip() for line in text.splitlines()[:_MAX_LINES]]
    return [line for line in lines if line and line[0] not in "#;"]


def _read(path: str, files: EditableFiles) -> bytes:
    try:
        return files.read(path) or b""
    except EditFailed:
        return b""


def _matches_any(pattern: str, path: str) -> bool:
    """Return whether a pattern with braces matches a path."""
    if len(pattern) > _MAX_PATTERN:
        return False
    patterns = [pattern]
    for at in range(_MAX_PATTERNS):
        if at >= len(patterns) or len(patterns) > _MAX_PATTERNS:
            break
        patterns += _expand_braces(patterns[at])
    return any(_matches(each, path) for each in patterns)


def _expand_braces(pattern: str) -> list[str]:
    """Return a pattern for each choice of the innermost first braces; empty if there are none."""
    braces = _BRACES.search(pattern)
    if braces is None:
        return []
    begin = pattern[: braces.start()]
    end = pattern[braces.end() :]
    choices = braces[1].split(",")
    return [f"{begin}{choice.strip()}{end}" for choice in choices]


def _matches(pattern: str, path: str) -> bool:
    """Return whether a pattern of git or EditorConfig matches a path below its folder.

    Without a slash it is one for names in any folder.
    """
    if pattern == "**":
        return True
    if len(pattern) > _MAX_PATTERN:
        return False
    if "/" not in pattern:
        return fnmatchcase(name_of(path), pattern)
    patterns = pattern.strip("/").split("/")
    return _match_parts(patterns, path.split("/"))


def _match_parts(patterns: list[str], parts: list[str]) -> bool:
    """Match part by part; ``**`` stands for any number of parts, once."""
    if "**" not in patterns:
        return _match_each(patterns, parts)
    at = patterns.index("**")
    above = patterns[:at]
    below = patterns[at + 1 :]
    end = len(parts) - len(below)
    if end < at:
        return False
    return _match_each(above, parts[:at]) and _match_each(below, parts[end:])


def _match_each(patterns: list[str], parts: list[str]) -> bool:
    if len(patterns) != len(parts):
        return False
    return all(map(fnmatchcase, parts, patterns))
