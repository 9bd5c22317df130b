"""Read from the output of tests what their environment lacks.

The output is that of untrusted programs: only names come from it, and each is checked before it
is used (see ``remedies``).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from repository.testing.detect.package_names import importable_name
from repository.testing.detect.requirements import installable

_MAX_LINES = 20_000
_MAX_LINE = 2_000
_MAX_EVIDENCE = 160


class Lack(StrEnum):
    """What kind of thing is missing."""

    MODULE = "module"
    OPTIONAL = "optional module"
    """A word in the reason of a skip, which may name a package."""
    EXTRA = "extra"
    """``package[extra]`` in the reason of a skip."""
    PACKAGE = "package"
    FIXTURE = "fixture"
    MARK = "mark"
    OPTION = "option"


@dataclass(frozen=True)
class Symptom:
    lack: Lack
    name: str
    evidence: str
    """The line that says so."""


_PATTERNS = (
    (Lack.MODULE, re.compile(r"No module named ['\"]?([A-Za-z_][\w.]*)")),
    (Lack.MODULE, re.compile(r"could not import ['\"]([A-Za-z_][\w.]*)")),
    (Lack.FIXTURE, re.compile(r"fixture '(\w+)' not found")),
    (Lack.MARK, re.compile(r"'(\w+)' not found in `markers` configuration option")),
    (Lack.MARK, re.compile(r"Unknown pytest\.mark\.(\w+)")),
    (Lack.OPTION, re.compile(r"Unknown config option: (\w+)")),
)
_ASYNC = "async def functions are not natively supported"
_UNKNOWN_OPTIONS = re.compile(r"unrecognized arguments: (.+)")
_OPTION = re.compile(r"(?<![\w-])(--[a-z][\w-]*|-[a-z])")
_REQUIRED_PLUGINS = re.compile(r"Missing required plugins: (.+)")
_EXTRA = re.compile(r"\b([A-Za-z][\w.-]{0,60}\[[\w-]{1,40}\])")
_WORD = r"['\"`]?(\w[\w.-]{0,60})"
#: In the reason of a skip: the name of a package that is not installed.
_SKIPPED_WITHOUT = (
    re.compile(rf"\b(?:requires?|needs?|without|missing|install|no)(?: the)?[ :]+{_WORD}", re.I),
    re.compile(
        rf"\b{_WORD}['\"`]?(?: package| module| library)?(?: is| are)? "
        r"(?:not (?:installed|available|found|importable)|unavailable|required|missing|needed)",
        re.I,
    ),
)


def find_symptoms(output: str) -> list[Symptom]:
    """Return what tests lacked according to their output, each once."""
    symptoms: dict[tuple[Lack, str], Symptom] = {}
    for line in output.splitlines()[:_MAX_LINES]:
        text = line[:_MAX_LINE]
        evidence = _clip(text)
        for lack, name in _lacks_in(text):
            symptoms.setdefault((lack, name), Symptom(lack, name, evidence))
    return list(symptoms.values())


def find_in_skips(reasons: Iterable[str]) -> list[Symptom]:
    """Return what skipped tests lacked according to the reasons of their skips, each once."""
    symptoms: dict[tuple[Lack, str], Symptom] = {}
    for reason in reasons:
        text = reason[:_MAX_LINE]
        evidence = f"skipped: {_clip(text)}"
        for lack, name in [*_lacks_in(text), *_words_in_skip(text)]:
            symptoms.setdefault((lack, name), Symptom(lack, name, evidence))
    return list(symptoms.values())


def _lacks_in(line: str) -> list[tuple[Lack, str]]:
    lacks: list[tuple[Lack, str]] = []
    for lack, pattern in _PATTERNS:
        for name in pattern.findall(line):
            lacks.append((lack, importable_name(name) if lack is Lack.MODULE else name))
    if _ASYNC in line:
        lacks.append((Lack.MARK, "asyncio"))
    if match := _UNKNOWN_OPTIONS.search(line):
        lacks += [(Lack.OPTION, option) for option in _OPTION.findall(match[1])]
    if match := _REQUIRED_PLUGINS.search(line):
        lacks += [(Lack.PACKAGE, line) for line in _requirements(match[1])]
    return lacks


def _words_in_skip(reason: str) -> list[tuple[Lack, str]]:
    words = [(Lack.EXTRA, name) for name in _EXTRA.findall(reason)]
    for pattern in _SKIPPED_WITHOUT:
        for word in pattern.findall(reason):
            words.append((Lack.OPTIONAL, importable_name(word.strip(".-"))))
    return words


def _requirements(text: str) -> list[str]:
    return installable(part.strip() for part in text.split(","))


def _clip(line: str) -> str:
    return " ".join(line.split())[:_MAX_EVIDENCE]
