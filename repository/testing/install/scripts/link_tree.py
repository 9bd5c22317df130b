"""Put the tree on the path where an editable install finds its package by an import hook.

setuptools (64 and later) makes such a hook for packages at the root of a project. Whatever maps
files to modules by sys.path (pylint, pytest, coverage) fails with it, unless it is started by
``python -m`` in the tree. Argument: the folder of the tree's packages.
"""

import sys
import sysconfig
from pathlib import Path

site_packages = Path(sysconfig.get_paths()["purelib"])
link = site_packages / "coding_agent_tree.pth"
if any(site_packages.glob("__editable___*_finder.py")):
    link.write_text(f"{sys.argv[1]}\n", encoding="utf-8")
elif link.exists():  # of another commit, in a cached environment
    link.unlink()
