"""The languages whose tests can be run, and which of them a file is written in."""

from pathlib import PurePosixPath
from typing import Literal

#: JavaScript stands for TypeScript, too, and Java for the other languages of its build tools.
Language = Literal["Python", "JavaScript", "Go", "Rust", "Java"]

_SUFFIXES: dict[Language, str] = {
    "Python": ".py .pyi .pyx .pxd .pxi",
    "JavaScript": ".js .jsx .mjs .cjs .ts .tsx .mts .cts .vue .svelte",
    "Go": ".go",
    "Rust": ".rs",
    "Java": ".java .kt .kts .groovy .scala",
}
_LANGUAGES: dict[str, Language] = {
    suffix: language for language, suffixes in _SUFFIXES.items() for suffix in suffixes.split()
}


def language_of(path: str) -> Language | None:
    """Return the language that a file, or a pattern of files, is written in; None if another."""
    return _LANGUAGES.get(PurePosixPath(path).suffix)
