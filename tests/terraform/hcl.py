"""The Terraform files as data."""

from functools import cache
from pathlib import Path
from typing import Any

import hcl2
from hcl2.utils import SerializationOptions

ROOT = Path(__file__).parents[2]
TERRAFORM = ROOT / "terraform"
_OPTIONS = SerializationOptions(
    with_comments=False, explicit_blocks=False, strip_string_quotes=True
)


@cache
def read(name: str) -> dict[str, Any]:
    """A file's blocks by type; expressions are strings in ``${}``."""
    return hcl2.loads((TERRAFORM / name).read_text(), serialization_options=_OPTIONS)


def block(name: str, kind: str, *labels: str) -> dict[str, Any]:
    """One block of a file, by its labels."""
    for found in read(name)[kind]:
        for label in labels:
            found = found.get(label, {})
        if found:
            return found
    raise LookupError(f"{name} has no {kind} {' '.join(labels)}")
