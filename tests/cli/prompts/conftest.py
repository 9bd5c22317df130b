import shutil
from pathlib import Path

import pytest

from prompts.template_set import SHIPPED
from tests.cli.console import Console


@pytest.fixture
def mine(console: Console) -> Path:
    """A copy of the shipped templates, to edit."""
    return Path(shutil.copytree(SHIPPED, console.folder / "mine"))
