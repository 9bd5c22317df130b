"""Copy files into the tree that only the installed copy of its package has.

These are extension modules with their libraries, generated modules and data. Of a release, a module
is copied only if the tree imports it: others may have been removed since. A ``-nspkg.pth`` file,
which makes the copy's packages namespaces, is removed: it would give them precedence over the
tree's. Arguments: the folder of the tree's packages and the name of its distribution.
"""

import csv
import re
import shutil
import sys
import sysconfig
from pathlib import Path

TEST_FILE = re.compile(r"(^|/)(tests?/|conftest\.py$|test_[^/]*\.py$)")
IMPORT = re.compile(r"^[ \t]*(?:from|import)[ \t]+([^#\n(]{1,300}(?:\([^)]{1,3000}\))?)", re.M)
MAX_BYTES = 1000000


def normalize(name: str) -> str:
    return re.sub("[-_.]+", "_", name).lower()


def imported_words(root: Path) -> "set[str]":
    """Return the words of all import statements below a folder."""
    words = set()  # type: set[str]
    for path in root.rglob("*.py"):
        if path.is_file() and path.stat().st_size < MAX_BYTES:
            text = path.read_text(encoding="utf-8", errors="replace")
            for imported in IMPORT.findall(text):
                words.update(re.findall(r"\w+", imported))
    return words


def complete(root: Path, name: str) -> None:
    site_packages = Path(sysconfig.get_paths()["platlib"])
    for info in site_packages.glob("*.dist-info"):
        built_from_tree = (info / "direct_url.json").exists()
        distribution = info.name.split("-")[0]
        if not built_from_tree and normalize(distribution) != normalize(name):
            continue
        with (info / "RECORD").open(encoding="utf-8") as record:
            paths = [row[0] for row in csv.reader(record)]
        if not built_from_tree:
            imported = imported_words(root)
            paths = [path for path in paths if belongs_to_build(root, path, imported)]
        for path in paths:
            complete_file(root, site_packages, path)


def belongs_to_build(root: Path, path: str, imported: "set[str]") -> bool:
    """Whether a release's file is no test, and nothing that the tree no longer has or imports."""
    if TEST_FILE.search(path):
        return False
    if path.endswith(".so"):
        return (root / path).parent.is_dir() or ".libs/" in path
    return not path.endswith(".py") or Path(path).stem in imported


def complete_file(root: Path, site_packages: Path, path: str) -> None:
    installed = site_packages / path
    in_tree = root / path
    if not installed.is_file():
        return
    if path.endswith("-nspkg.pth"):
        installed.unlink()
        return
    top = path.split("/")[0]
    in_package_of_tree = top not in ("..", path) and (root / top).is_dir()
    is_library = top.endswith(".libs")
    if (in_package_of_tree or is_library) and not in_tree.exists():
        in_tree.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(str(installed), str(in_tree))


complete(Path(sys.argv[1]), sys.argv[2])
