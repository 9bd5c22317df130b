"""The languages whose tests can be run, and which of them a file or a runner belongs to."""

from pathlib import PurePosixPath
from typing import Literal

from repository.runners import NODE_RUNNERS, PYTHON_RUNNERS, Runner

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


def language_of_runner(runner: Runner | None) -> Language | None:
    """Return the language whose tests a runner runs; None for the repository's own command."""
    if runner is None or runner == "command":
        return None
    if runner in PYTHON_RUNNERS:
        return "Python"
    if runner in NODE_RUNNERS:
        return "JavaScript"
    if runner == "go":
        return "Go"
    return "Rust" if runner == "cargo" else "Java"
