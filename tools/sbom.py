"""Print the image's bill of materials as CycloneDX 1.5 JSON: Debian packages, the application's
Python packages, and the Python interpreters.
"""

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

INTERPRETERS = Path("/opt/pythons/bin")

Component = dict[str, str]


def component(kind: str, name: str, version: str, purl_type: str) -> Component:
    """Return a component, identified by its package URL
    (https://github.com/package-url/purl-spec).
    """
    purl = f"pkg:{purl_type}/{quote(name, safe='')}@{quote(version, safe='')}"
    return {"type": kind, "name": name, "version": version, "purl": purl, "bom-ref": purl}


def debian_packages() -> Iterator[Component]:
    command = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}\n"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in output.splitlines():
        name, version = line.split()
        yield component("library", name, version, "deb/debian")


def python_packages() -> Iterator[Component]:
    packages = {(package.name, package.version) for package in distributions()}
    for name, version in sorted(packages):
        yield component("library", name, version, "pypi")


def interpreters() -> Iterator[Component]:
    """Yield each interpreter; its version is the name of its installation folder."""
    links = INTERPRETERS.glob("python3.*")
    installations = {link.resolve().parent.parent for link in links}
    for installation in sorted(installations):
        yield component("platform", "cpython", installation.name, "generic")


def document() -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "container",
                "name": "coding-agent",
                "version": platform.machine(),
            }
        },
        "components": [*debian_packages(), *python_packages(), *interpreters()],
    }


if __name__ == "__main__":
    json.dump(document(), sys.stdout)
