"""The Python versions in the version matrices of CI, tox and nox."""

import re

from repository.testing.detect.blocks import Line

_NAME = r"(?:python(?:[-_]?versions?)?|env_?list|toxenv|interpreters?)"
_KEY = re.compile(rf"(?:-\s{{0,4}})?[\"']?{_NAME}[\"']?\s{{0,4}}[:=](.*)", re.I)
_KEY_IN_MAPPING = re.compile(rf"[{{,]\s{{0,4}}[\"']?{_NAME}[\"']?\s{{0,4}}:([^,}}]{{1,60}})", re.I)
_BLOCK = re.compile(_NAME, re.I)
_EXPANSION = re.compile(r"([\w.]{0,20})\{([^{}]{1,200})\}")
_MINOR = re.compile(
    r"(?<![\d.])3\.(\d{1,2})(?!\d)|(?<![a-z0-9])(?:py|cp|python)3(\d{1,2})(?!\d)", re.I
)
_NEWEST = 30
"""No minor version is newer."""
_SECTIONS = re.compile(r"tox\b|gh-actions|tool\.(?:tox|hatch)")
"""In INI and TOML files, the sections with matrices; others say what linters assume."""


def minors_in_matrix(path: str, line: Line) -> set[int]:
    """Return the minor versions of Python 3 in a line of a version matrix; empty in other lines."""
    if path.endswith((".ini", ".toml")) and not _SECTIONS.match(" ".join(line.blocks[:1])):
        return set()
    text = _EXPANSION.sub(_expand, _matrix_part(line))
    minors = {int(dotted or short) for dotted, short in _MINOR.findall(text)}
    return {minor for minor in minors if minor <= _NEWEST}


def _matrix_part(line: Line) -> str:
    """Return the part of a line that lists versions, or an empty text."""
    key = _KEY.fullmatch(line.text)
    if key is not None:
        return key[1]
    if any(_BLOCK.fullmatch(name) for name in line.blocks):
        return line.text
    return " ".join(_KEY_IN_MAPPING.findall(line.text))


def _expand(expansion: re.Match[str]) -> str:
    """Return ``py310 py311`` for ``py3{10,11}``."""
    prefix = expansion[1]
    return " ".join(prefix + option.strip() for option in expansion[2].split(","))
