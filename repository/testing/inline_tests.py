"""Tests inside of Rust's sources: modules that are only compiled for tests.

Their part of a change can be tried without the rest, as if they were in a file of their own.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

_MAX_CHARS = 1_000_000
_TEST_MODULE = re.compile(
    r"^[ \t]*#\[cfg\((?:all\()?test\b[^\]\n]*\]\s*"  # #[cfg(test)]
    r"(?:#\[[^\]\n]*\]\s*|//[^\n]*\n\s*){0,10}"  # other attributes, comments
    r"(?:pub(?:\([^)\n]*\))?\s+)?mod\s+(?P<name>\w+)\s*\{",
    re.M,
)
_TOKEN = re.compile(
    r"""//[^\n]*
    | (?P<comment>/\*)
    | \bb?r(?P<hashes>\#{0,20})"       # raw string
    | "(?:[^"\\]|\\.)*(?:"|\\?\Z)    # one without an end is tried once, not at each quote in it
    | '(?:\\[^\n']{1,10}|\\'|[^\\'\n])'   # a character, not a lifetime
    | (?P<brace>[{}])
    """,
    re.X | re.S,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")


class _Module(NamedTuple):
    name: str
    start: int
    end: int


def take_over_inline_tests(old: str, new: str) -> str | None:
    """Return a Rust source with the test modules of its new version; None if they are the same."""
    if max(len(old), len(new)) > _MAX_CHARS:
        return None
    old_modules = _test_modules(old)
    old_texts = {module.name: old[module.start : module.end] for module in old_modules}
    new_texts = {module.name: new[module.start : module.end] for module in _test_modules(new)}
    if all(old_texts.get(name) == text for name, text in new_texts.items()):
        return None
    result = _replace(old, old_modules, new_texts)
    added = [text for name, text in new_texts.items() if name not in old_texts]
    return "\n".join([result, *added, ""]) if added else result


def _replace(source: str, modules: Sequence[_Module], texts: dict[str, str]) -> str:
    parts: list[str] = []
    end = 0
    for module in modules:
        old_text = source[module.start : module.end]
        parts += [source[end : module.start], texts.get(module.name, old_text)]
        end = module.end
    return "".join([*parts, source[end:]])


def _test_modules(source: str) -> list[_Module]:
    modules: list[_Module] = []
    position = 0
    while match := _TEST_MODULE.search(source, position):
        end = _end_of_block(source, match.end())
        if end is None:
            break
        modules.append(_Module(match["name"], match.start(), end))
        position = end
    return modules


def _end_of_block(source: str, position: int) -> int | None:
    """Return where the block ends whose opening brace is before ``position``; None if nowhere."""
    depth = 1
    while match := _TOKEN.search(source, position):
        position = match.end()
        if match["comment"]:
            position = _end_of_comment(source, position)
        elif match["hashes"] is not None:
            closing = source.find(f'"{match["hashes"]}', position)
            position = len(source) if closing < 0 else closing + 1
        elif match["brace"]:
            depth += 1 if match["brace"] == "{" else -1
            if depth == 0:
                return position
    return None


def _end_of_comment(source: str, position: int) -> int:
    """Return where a comment ends that began before ``position``; Rust's comments nest."""
    depth = 1
    while depth:
        match = _COMMENT_MARK.search(source, position)
        if match is None:
            return len(source)
        depth += 1 if match[0] == "/*" else -1
        position = match.end()
    return position
