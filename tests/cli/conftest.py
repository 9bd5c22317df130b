import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.console import Console, Sample, new_console, new_sample, own_variables


@pytest.fixture
def console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same_runs_once: None
) -> Iterator[Console]:
    console = new_console(tmp_path, monkeypatch)
    before = own_variables()
    yield console
    for name in own_variables() - before:  # set by a command from a .env file
        del os.environ[name]


@pytest.fixture
def sample(console: Console) -> Sample:
    return new_sample(console.folder)
