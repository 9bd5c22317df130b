"""A temporary folder outside pytest's own, which every other pytest that starts makes inaccessible
to other users in the middle of a test.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(name="tmp_path")
def own_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sandboxed-", ignore_cleanup_errors=True) as name:
        yield Path(name)
