"""Recognize files that programs leave behind when they run, by their names."""

from collections.abc import Collection
from fnmatch import fnmatchcase

#: New files of these names are left out of a change silently.
_BY_PRODUCTS = (
    "__pycache__",
    "*.pyc",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".tox",
    ".nox",
    ".eggs",
    ".coverage",
    "htmlcov",
    "*.egg-info",
    "*.orig",
    "*.rej",
    "nohup.out",
    ".DS_Store",
)
#: By-products too, as folders at the root, unless the base commit has a folder of that name.
_BUILD_FOLDERS = ("build", "dist", "venv", ".venv", "env")


def is_by_product(path: str, base_paths: Collection[str]) -> bool:
    """Return whether a new file is one that programs leave behind when they run."""
    parts = path.split("/")
    if parts[0] in _BUILD_FOLDERS and not has_folder(base_paths, parts[0]):
        return True
    return any(fnmatchcase(part, pattern) for part in parts for pattern in _BY_PRODUCTS)


def has_folder(paths: Collection[str], folder: str) -> bool:
    """Return whether one of the paths is below a folder at the root."""
    return any(path.startswith(f"{folder}/") for path in paths)
