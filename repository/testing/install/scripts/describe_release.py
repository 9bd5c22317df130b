"""Print a JSON object about a release that was unpacked into a folder, and remove the folder.

Its fields are the name, version and addresses of its metadata, those of the addresses that the
tree's packaging files state too, and how many lines of its modules the tree's files have as well.
Arguments: the release's folder, the tree and the folder of the tree's packages.
"""

import json
import shutil
import sys
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

PACKAGING_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
FOLDERS = ("", "src", "lib", "python")
MAX_FILES = 400
MAX_BYTES = 300000
MAX_ADDRESSES = 50
MAX_LENGTH = 500


release, tree, packages = map(Path, sys.argv[1:])


def read(path: Path) -> str:
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        return ""
    return path.read_text(encoding="utf-8", errors="replace")


def lines_of(path: Path) -> "set[str]":
    return {line.strip() for line in read(path).splitlines() if len(line.strip()) > 8}


def addresses_of(metadata: Message) -> "list[str]":
    addresses = metadata.get_all("Home-page", []) + metadata.get_all("Download-URL", [])
    for labelled in metadata.get_all("Project-URL", []):
        addresses.append(labelled.partition(",")[2].strip())
    return [str(address)[:MAX_LENGTH] for address in addresses[:MAX_ADDRESSES]]


def compare(release: Path, roots: "list[Path]") -> "tuple[int, int]":
    """Return the number of lines in the release's modules, and of those that the tree has."""
    total = 0
    shared = 0
    for module in sorted(release.rglob("*.py"))[:MAX_FILES]:
        lines = lines_of(module)
        total += len(lines)
        in_tree = set()  # type: set[str]
        for root in roots:
            in_tree |= lines_of(root / module.relative_to(release))
        shared += len(lines & in_tree)
    return total, shared


def describe(info: Path) -> "dict[str, object]":
    metadata = HeaderParser().parsestr((info / "METADATA").read_text(encoding="utf-8"))
    addresses = addresses_of(metadata)
    stated = "\n".join(read(tree / name) for name in PACKAGING_FILES)
    total, shared = compare(release, [packages, *(tree / folder for folder in FOLDERS)])
    return {
        "name": metadata["Name"],
        "version": metadata["Version"],
        "addresses": addresses,
        "stated": [address for address in addresses if address.rstrip("/") in stated],
        "lines": total,
        "shared_lines": shared,
    }


try:
    (info,) = release.glob("*.dist-info")
    print(json.dumps(describe(info)))
finally:
    shutil.rmtree(str(release))
