import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.console import Console, Sample, new_console, new_sample


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    console, before = new_console(tmp_path, monkeypatch), os.environ.copy()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield console
    root.handlers[:], root.level = handlers, level  # a command sets the process's logging
    for name in os.environ.keys() - before.keys():  # what a command read from a .env file
        del os.environ[name]


@pytest.fixture
def sample(console: Console) -> Sample:
    return new_sample(console.folder)
