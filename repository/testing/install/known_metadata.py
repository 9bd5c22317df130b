"""Requirements of packages whose metadata uv can't parse, for uv's configuration."""

import json
import re
from collections.abc import Iterable

_UNPARSED = re.compile(r"Metadata for `([A-Za-z0-9._-]+)` \(v[^)]*\) could not be parsed")
#: Old releases state them in a form that uv rejects, such as `pytz (>=2011k)` in pandas before
#: 0.25.
_REQUIREMENTS = {"pandas": ("numpy", "python-dateutil>=2", "pytz")}


def unparsed_packages(output: str) -> set[str]:
    """Return the packages that uv's message names and whose requirements are known here."""
    return set(_UNPARSED.findall(output)).intersection(_REQUIREMENTS)


def metadata_tables(packages: Iterable[str]) -> str:
    """Return the tables of uv's configuration that state the packages' requirements."""
    return "".join(_table(package) for package in sorted(packages))


def _table(package: str) -> str:
    requirements = json.dumps(_REQUIREMENTS[package])
    name = json.dumps(package)
    return f"[[dependency-metadata]]\nname = {name}\nrequires-dist = {requirements}\n"
