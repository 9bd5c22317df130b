"""Print the metadata of the distribution that was installed from a folder, or as a release.

Argument: the name of the release.
"""

import re
import sys
import sysconfig
from pathlib import Path


def normalize(name: str) -> str:
    return re.sub("[-_.]+", "_", name).lower()


def is_release(folder: Path, name: str) -> bool:
    return normalize(folder.name.split("-")[0]) == normalize(name)


site_packages = Path(sysconfig.get_paths()["purelib"])
for folder in site_packages.glob("*.dist-info"):
    if (folder / "direct_url.json").exists() or is_release(folder, sys.argv[1]):
        metadata = (folder / "METADATA").read_text(encoding="utf-8")
        print(metadata.partition("\n\n")[0])
