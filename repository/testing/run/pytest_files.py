"""Which test files pytest can run in one process: a part of the program in ``python_runner.py``.

Given a file, pytest takes the nearest configuration above it; given none, that of the current
folder. And it imports a test file under the name of its module, so that two files of one name in
folders without ``__init__.py`` exclude each other. Files are therefore divided into groups that
have the same configuration, and no two modules of one name.
"""

import os
import re
from typing import Dict, List, Optional, Set

#: File name -> what it contains if it configures pytest; the first that applies counts.
CONFIG_FILES = (
    ("pytest.toml", ""),
    (".pytest.toml", ""),
    ("pytest.ini", ""),
    (".pytest.ini", ""),
    ("pyproject.toml", r"^\s*\[\s*tool\.pytest\b"),
    ("tox.ini", r"^\[pytest\]"),
    ("setup.cfg", r"^\[tool:pytest\]"),
)


def configures_pytest(folder: str) -> bool:
    """Whether a folder has a configuration of pytest."""
    for name, pattern in CONFIG_FILES:
        try:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                if re.search(pattern, file.read(), re.M):
                    return True
        except OSError:
            continue
    return False


class ConfigFolders:
    """Finds the folder whose configuration applies to a path."""

    def __init__(self, top: str):
        """``top`` is the folder that counts if none below it has a configuration."""
        self.top = top
        self.known: Dict[str, str] = {top: top}

    def of_folder(self, folder: str) -> str:
        if folder not in self.known:
            parent = os.path.dirname(folder)
            if configures_pytest(folder):
                self.known[folder] = folder
            elif parent == folder:
                self.known[folder] = self.top
            else:
                self.known[folder] = self.of_folder(parent)
        return self.known[folder]

    def of_path(self, path: str) -> str:
        return self.of_folder(path if os.path.isdir(path) else os.path.dirname(path))


def module_name(file: str) -> str:
    """Return the name under which pytest imports a test file."""
    folder, name = os.path.split(file)
    parts = [os.path.splitext(name)[0]]
    while os.path.exists(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        parts.insert(0, package)
    return ".".join(parts)


class Group:
    """Tests that are run in one process."""

    def __init__(self, config_folder: str):
        self.config_folder = config_folder
        self.tests: List[str] = []
        """Files, folders or node ids; empty for everything that pytest finds."""
        self.files: Dict[str, str] = {}
        """Module name -> file."""

    def add(self, test: str) -> bool:
        """Add a test, unless another file has its module's name; return whether it was added."""
        if not self.admits(test.partition("::")[0]):
            return False
        self.tests.append(test)
        return True

    def admits(self, path: str) -> bool:
        """Whether a path may be run in this process; if so, its module's name is taken."""
        if not path.endswith(".py"):
            return True
        file = os.path.abspath(path)
        return self.files.setdefault(module_name(file), file) == file


def make_groups(tests: List[str], folders: ConfigFolders) -> List[Group]:
    """Divide tests into groups; the order of the tests in each is kept."""
    groups: List[Group] = []
    for test in tests:
        folder = folders.of_path(os.path.abspath(test.partition("::")[0]))
        same_config = [group for group in groups if group.config_folder == folder]
        if not any(group.add(test) for group in same_config):
            group = Group(folder)
            group.add(test)
            groups.append(group)
    return groups


def without_inner(paths: List[str]) -> List[str]:
    """Return paths without those inside another of them, and without repetitions."""
    kept: List[str] = []
    for path in sorted(set(paths)):
        if not any(path.startswith(outer + os.sep) for outer in kept):
            kept.append(path)
    return kept


class Deferred:
    """Paths that pytest meets in one process, and that belong to another."""

    def __init__(self, group: Group, folders: ConfigFolders):
        self.group = group
        self.folders = folders
        self.patterns: List[str] = []
        """Of the names of test files; none if files of one name can be imported together."""
        self.roots: List[str] = []
        """What is collected; pytest meets the paths beside it, too."""
        self.paths: Set[str] = set()

    def ignores(self, path: str) -> Optional[bool]:
        """Return True, and note the path, if it belongs to another process; else None."""
        if not any(path == root or path.startswith(root + os.sep) for root in self.roots):
            return None
        if os.path.isdir(path):
            return self.note(path) if self.has_other_config(path) else None
        if not path.endswith(".py"):
            return None
        folder = os.path.dirname(path)
        if self.has_other_config(folder):
            return self.note(folder)
        name = os.path.basename(path)
        is_test = any(re.fullmatch(pattern, name) for pattern in self.patterns)
        return self.note(path) if is_test and not self.group.admits(path) else None

    def has_other_config(self, folder: str) -> bool:
        return self.folders.of_folder(folder) != self.group.config_folder

    def note(self, path: str) -> bool:
        self.paths.add(path)
        return True
