import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import backends, wiring
from pipeline.settings import Settings
from sandbox import Sandbox
from tests.cli.console import Console, Sample, new_console, new_sample
from tests.stand_ins.remembering_sandbox import Memory, RememberingSandbox


@pytest.fixture(scope="session")
def memory() -> Memory:
    """What the commands in this process have run: most of them fix the same sample."""
    return {}


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: Memory) -> Iterator[Console]:
    def sandbox_for(settings: Settings, *, local: bool) -> Sandbox:
        return RememberingSandbox(backends.sandbox_for(settings, local=local), memory)

    monkeypatch.setattr(wiring, "sandbox_for", sandbox_for)
    console = new_console(tmp_path, monkeypatch)
    before = os.environ.copy()
    root = logging.getLogger()
    handlers = root.handlers[:]
    level = root.level
    yield console
    # a command sets the process's logging
    root.handlers[:] = handlers
    root.level = level
    for name in os.environ.keys() - before.keys():  # set by a command from a .env file
        del os.environ[name]


@pytest.fixture
def sample(console: Console) -> Sample:
    return new_sample(console.folder)
