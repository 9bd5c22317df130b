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
def read(file: str) -> dict[str, Any]:
    """Return a file's blocks by type; expressions are strings in ``${}``."""
    return hcl2.loads((TERRAFORM / file).read_text(), serialization_options=_OPTIONS)


def named_blocks(file: str, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the name and the body of each block of one type."""
    blocks = []
    for block_by_name in read(file).get(kind, []):
        blocks.extend(block_by_name.items())
    return blocks


def block(file: str, kind: str, *labels: str) -> dict[str, Any]:
    """Return one block of a file, by its labels."""
    for body in read(file)[kind]:
        for label in labels:
            body = body.get(label, {})
        if body:
            return body
    raise LookupError(f"{file} has no {kind} {' '.join(labels)}")
