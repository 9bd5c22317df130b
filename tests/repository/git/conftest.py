"""A private repository on the stand-in for GitHub, and a mirror for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from repository.git import Mirror, Mirrors
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as server:
        server.add_repository("octo/sample", {"a.txt": "a\n", "src/b.py": "b = 1\n"}, private=True)
        yield server


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirrors(tmp_path / "mirrors", lambda _: WRITE_TOKEN).at("octo/sample")


@pytest.fixture
def url(github: GithubStandIn) -> str:
    return f"{github.origin}/octo/sample.git"
