"""The files in which a repository says what it accepts from whom."""

import re
from collections.abc import Iterable
from enum import IntEnum
from pathlib import PurePosixPath

MAX_FILES = 40
MAX_CHARACTERS = 200_000
"""That are read of one file."""
_SUFFIXES = {"", ".md", ".markdown", ".mdx", ".rst", ".txt", ".adoc", ".org"}
_FOLDERS = {".github", ".gitlab", ".forgejo", ".gitea", "doc", "docs", "documentation"}
_MAX_DEPTH = 4
"""Parts of a path that begins with one of the folders, the file's name included."""
_MAX_POLICY_DEPTH = 6
"""Of a file whose name says that it is a policy on models."""

_SEPARATOR = r"[-_. ]"
_AI = rf"(?:gen(?:erative)?{_SEPARATOR}?)?(?:ai|llms?)"
_AI_STEM = re.compile(rf"(?:.*{_SEPARATOR})?{_AI}(?:{_SEPARATOR}.*)?")
_POLICY_STEM = re.compile(rf"(?:.*{_SEPARATOR})?(?:policy|policies|contribut\w*|usage|covenant)")
_CONTRIBUTING_STEM = re.compile(
    r"contribut(?:ing|e|ion|ions)\b.*|hacking|policy|policies|pull_request_template"
    r"|code_of_conduct|submitting\w*"
)
_AGENTS = {"agents.md", "agent.md", "claude.md", "gemini.md", "copilot-instructions.md"}


class Kind(IntEnum):
    """What a file is about, in the order in which they are read."""

    AI_POLICY = 0
    CONTRIBUTING = 1
    """How to contribute, and a pull request's template."""
    AGENTS = 2
    """Instructions for the agents of people who work on the repository."""
    README = 3


def kind_of(path: str) -> Kind | None:
    """Return what a file of a repository is about; None if it says nothing about contributions."""
    name = PurePosixPath(path.lower())
    parts = name.parts
    is_at_top = len(parts) == 1
    in_folder = parts[0] in _FOLDERS and len(parts) <= _MAX_POLICY_DEPTH
    if name.suffix not in _SUFFIXES or not (is_at_top or in_folder):
        return None
    stem = name.stem
    if _is_ai_policy(stem, is_official=is_at_top or (len(parts) == 2 and parts[0] == ".github")):
        return Kind.AI_POLICY
    if len(parts) > _MAX_DEPTH:
        return None
    if _CONTRIBUTING_STEM.fullmatch(stem) or "pull_request_template" in parts:
        return Kind.CONTRIBUTING
    if name.name in _AGENTS:
        return Kind.AGENTS
    if stem == "readme" and len(parts) <= 2:
        return Kind.README
    return None


def _is_ai_policy(stem: str, *, is_official: bool) -> bool:
    """Return whether a name is a policy's; deeper in the documentation, ``ai`` is a feature."""
    if not _AI_STEM.fullmatch(stem):
        return False
    return is_official or _POLICY_STEM.fullmatch(stem) is not None or "policy" in stem


def select_policy_files(paths: Iterable[str]) -> list[str]:
    """Return the paths of the files to read, the most specific first, at most ``MAX_FILES``."""
    ranked: list[tuple[Kind, int, str]] = []
    for path in paths:
        kind = kind_of(path)
        if kind is not None:
            ranked.append((kind, path.count("/"), path))
    return [path for _, _, path in sorted(ranked)[:MAX_FILES]]
