"""The text of uv's configuration: what it can't find out about some packages."""

import json
import re
from collections.abc import Iterable, Mapping

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


def build_variables_table(packages: Iterable[str], variables: Mapping[str, str]) -> str:
    """Return the table that sets variables while these packages are built, and for no others."""
    values = ", ".join(f"{name} = {json.dumps(value)}" for name, value in variables.items())
    lines = [f"{json.dumps(package)} = {{ {values} }}" for package in sorted(set(packages))]
    return "\n".join(["[extra-build-variables]", *lines, ""])
