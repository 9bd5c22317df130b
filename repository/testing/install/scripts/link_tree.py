"""Put the tree on the path where an editable install finds its package by an import hook.

setuptools (64 and later) makes such a hook for packages at the root of a project, and so do other
build tools. Whatever maps files to modules by sys.path (pylint, pytest, coverage) fails with it,
unless it is started by ``python -m`` in the tree. Argument: the folder of the tree's packages.
"""

import json
import sys
import sysconfig
from pathlib import Path

site_packages = Path(sysconfig.get_paths()["purelib"])
link = site_packages / "coding_agent_tree.pth"


def is_editable(origin: Path) -> bool:
    return bool(json.loads(origin.read_text(encoding="utf-8")).get("dir_info", {}).get("editable"))


installed_editable = any(map(is_editable, site_packages.glob("*.dist-info/direct_url.json")))
if installed_editable and (link.exists() or sys.argv[1] not in sys.path):
    link.write_text(f"{sys.argv[1]}\n", encoding="utf-8")
elif link.exists():  # of another commit, in a cached environment
    link.unlink()
