"""Print the metadata of the distribution that was installed from a folder, or as a release.

Arguments: the folder and the name of the release.
"""

import json
import re
import sys
import sysconfig
from pathlib import Path


def normalize(name: str) -> str:
    return re.sub("[-_.]+", "_", name).lower()


def is_release(info: Path, name: str) -> bool:
    return normalize(info.name.split("-")[0]) == normalize(name)


def is_from(info: Path, folder: str) -> bool:
    origin = info / "direct_url.json"
    if not origin.exists():
        return False
    address = json.loads(origin.read_text(encoding="utf-8")).get("url", "")
    return str(address).rstrip("/").endswith(folder)


site_packages = Path(sysconfig.get_paths()["purelib"])
for info in site_packages.glob("*.dist-info"):
    if is_from(info, sys.argv[1]) or is_release(info, sys.argv[2]):
        metadata = (info / "METADATA").read_text(encoding="utf-8")
        print(metadata.partition("\n\n")[0])
