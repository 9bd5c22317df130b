"""Copy files into the tree that only the installed copy of its package has.

These are extension modules, generated modules and data. A ``-nspkg.pth`` file, which makes the
copy's packages namespaces, is removed: it would give them precedence over the tree's. Arguments:
the folder of the tree's packages and the name of its distribution.
"""

import csv
import re
import shutil
import sys
import sysconfig
from pathlib import Path

TEST_FILE = re.compile(r"(^|/)(tests?/|conftest\.py$|test_[^/]*\.py$)")


def normalize(name: str) -> str:
    return re.sub("[-_.]+", "_", name).lower()


def complete(root: Path, name: str) -> None:
    site_packages = Path(sysconfig.get_paths()["platlib"])
    for info in site_packages.glob("*.dist-info"):
        built_from_tree = (info / "direct_url.json").exists()
        distribution = info.name.split("-")[0]
        if not built_from_tree and normalize(distribution) != normalize(name):
            continue
        with (info / "RECORD").open(encoding="utf-8") as record:
            rows = list(csv.reader(record))
        for row in rows:
            complete_file(root, site_packages, row[0], built_from_tree)


def complete_file(root: Path, site_packages: Path, path: str, built_from_tree: bool) -> None:
    installed = site_packages / path
    in_tree = root / path
    if not installed.is_file():
        return
    if path.endswith("-nspkg.pth"):
        installed.unlink()
        return
    # A release's tests may differ from those of the tree.
    if not built_from_tree and TEST_FILE.search(path):
        return
    top = path.split("/")[0]
    in_package_of_tree = top not in ("..", path) and (root / top).is_dir()
    if in_package_of_tree and not in_tree.exists():
        in_tree.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(str(installed), str(in_tree))


complete(Path(sys.argv[1]), sys.argv[2])
