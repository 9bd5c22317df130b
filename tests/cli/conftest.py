import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.console import Console, Sample, new_console, new_sample, own_variables
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn


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


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as server:
        yield server


@pytest.fixture
def script(console: Console, github: GithubStandIn, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With this model and a token, ``fix`` has everything that it needs."""
    path = console.folder / "reply.md"
    path.write_text("a reply")
    monkeypatch.setenv("CODING_AGENT_MODEL", f"scripted:{path}")
    monkeypatch.setenv("GITHUB_TOKEN", WRITE_TOKEN)
    monkeypatch.setenv("GITHUB_API_URL", github.api_url)
    return path
