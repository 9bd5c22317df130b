"""Cheap checks of the text that edits write, before any tests are run."""

import re
from collections.abc import Collection, Mapping, Sequence

from prompts.filters import code
from repository.context.excerpts import OMITTED
from repository.edits.model import EditFailed
from repository.edits.omitted_code import is_placeholder
from repository.python_source import parse_python

_CONFLICT_MARKER = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: .*)?$", re.M)


def check_new_lines(lines: Sequence[str], text: str | None) -> None:
    """Refuse lines that must not be written to a file whose text was ``text``.

    Raises:
        EditFailed: a line is a placeholder for omitted code, or is not text.
    """
    for line in lines:
        if "\0" in line or any("\ud800" <= character <= "\udfff" for character in line):
            raise EditFailed("it writes characters that can't be in a text file")
        problem = _describe_omission(line)
        if problem and line.strip() not in (text or ""):
            raise EditFailed(problem)


def _describe_omission(line: str) -> str:
    """Return why a line that stands for other lines can't be written; empty for other lines."""
    content = line.strip()
    if is_placeholder(line):
        return (
            f"it leaves code out ({code(content[:60])}): write every line that the file should have"
        )
    if OMITTED.fullmatch(content):
        return "it copies a marker for lines that were not shown; the marker is not in the file"
    return ""


def check_paths(paths: Collection[str]) -> None:
    """Refuse paths of which one would have to be both a file and a folder.

    Raises:
        EditFailed: a path is also a parent folder of another.
    """
    for path in paths:
        if any(other.startswith(f"{path}/") for other in paths):
            raise EditFailed(f"{code(path)} would be both a file and a folder")


def check_conflict_markers(
    before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> None:
    """Refuse new conflict markers.

    Raises:
        EditFailed: the message names each file.
    """
    problems: list[str] = []
    for path, text in after.items():
        if _count_conflict_markers(text or "") > _count_conflict_markers(before.get(path) or ""):
            problems.append(f"The edits write a conflict marker into {code(path[:200])}")
    if problems:
        raise EditFailed("\n".join(problems))


def parses_as_python(path: str, text: str) -> bool:
    """Return whether the path is a Python file's and this process can parse the text."""
    if not path.endswith((".py", ".pyi")):
        return False
    try:
        parse_python(text.removeprefix("\ufeff"))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


def _count_conflict_markers(text: str) -> int:
    return len(_CONFLICT_MARKER.findall(text))
