"""Which files determine what installing a repository produces, apart from its own Python modules.

An editable install finds the modules in the tree, and the tree precedes a copy on the path. So if
only modules, tests and documents differ between two commits, the installation of one serves the
other.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from repository.git import Entry
from repository.testing.models import Recipe

_NOT_INSTALLED = frozenset(
    {"test", "tests", "testing", "doc", "docs", "example", "examples", "benchmarks", ".github"}
)
_DOCUMENTS = (".md", ".rst", ".ipynb", ".png", ".svg", ".po", ".html", ".css")
#: Other text files may be read by the build: requirements, the version, CMakeLists.txt.
_TEXT_DOCUMENT = re.compile(
    r"(?:readme|changes|changelog|news|history|licen[cs]e|copying|authors|contributors|todo)"
    r"[\w.-]*\.txt$",
    re.I,
)
#: Python files that builds run or read: the version, generators of code.
_BUILD_MODULE = re.compile(r"^_*(?:init|setup\w*|version|about|build\w*|gen\w*)_*\.py$")
_BUILD_FOLDER = re.compile(r"^_?(?:build|setup|tools|ext|extern|codegen)")
_MODULE_DEPTH = 2
"""Folders above a module that may state the version, such as ``src/shop/__init__.py``."""
_RELEASE = re.compile(r"\d+(?:\.\d+)*")


def build_inputs(entries: Iterable[Entry], recipe: Recipe) -> str:
    """Return a hash of everything in a commit that its installation depends on."""
    digest = hashlib.sha256()
    release = _RELEASE.match(recipe.version or "")
    project = PurePosixPath(recipe.project)
    root = PurePosixPath(recipe.source_root)
    digest.update(f"{release[0] if release else ''}\n{project}\n{root}\n".encode())
    top_levels: set[str] = set()
    for entry in entries:
        path = PurePosixPath(entry.path)
        inside = path.relative_to(project) if path.is_relative_to(project) else path
        if is_build_input(inside):
            digest.update(f"{entry.mode} {entry.sha} {entry.path}\n".encode())
        if path.suffix == ".py" and path.is_relative_to(root):
            top_levels.add(path.relative_to(root).parts[0])
    digest.update("\n".join(sorted(top_levels)).encode())
    return digest.hexdigest()[:16]


def is_build_input(path: PurePosixPath) -> bool:
    """Whether a file's content may change what is installed, other than a copy of itself."""
    folders = path.parts[:-1]
    if path.suffix == ".py":
        is_shallow = len(folders) <= _MODULE_DEPTH and _BUILD_MODULE.match(path.name)
        return bool(is_shallow) or any(map(_BUILD_FOLDER.match, folders)) or _is_setup(path)
    if _NOT_INSTALLED.intersection(folders):
        return False
    return path.suffix not in _DOCUMENTS and not _TEXT_DOCUMENT.match(path.name)


def _is_setup(path: PurePosixPath) -> bool:
    """Whether it is a file such as ``setup.py`` or ``setup_package.py``, at any depth."""
    return path.name.startswith("setup")
