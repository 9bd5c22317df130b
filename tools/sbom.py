"""What is in the image, as CycloneDX 1.5 JSON: Debian's packages, the application's, the
interpreters.
"""

import json
import platform
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import quote


def component(kind: str, name: str, version: str, purl: str) -> dict[str, str]:
    reference = f"pkg:{purl}/{quote(name, safe='')}@{quote(version, safe='')}"
    return {"type": kind, "name": name, "version": version, "purl": reference, "bom-ref": reference}


asked = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}\n"]
told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
debian = [line.split() for line in told.splitlines()]
python = {(dist.name, dist.version) for dist in distributions()}
homes = {link.resolve().parent.parent for link in Path("/opt/pythons/bin").glob("python3.*")}
components = [
    *(component("library", name, version, "deb/debian") for name, version in debian),
    *(component("library", name, version, "pypi") for name, version in sorted(python)),
    *(component("platform", "cpython", home.name, "generic") for home in sorted(homes)),
]
document = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "version": 1,
    "metadata": {
        "component": {"type": "container", "name": "coding-agent", "version": platform.machine()}
    },
    "components": components,
}
json.dump(document, sys.stdout)
