"""Print the metadata of the distribution that was installed from a folder."""

import sysconfig
from pathlib import Path

site_packages = Path(sysconfig.get_paths()["purelib"])
for folder in site_packages.glob("*.dist-info"):
    if (folder / "direct_url.json").exists():
        metadata = (folder / "METADATA").read_text(encoding="utf-8")
        print(metadata.partition("\n\n")[0])
