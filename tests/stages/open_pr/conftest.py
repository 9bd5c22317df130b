"""A repository on the stand-in for GitHub, and a job with a fix."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stages.open_pr.scenario import FILES, REPOSITORY, Scenario
from tests.stand_ins.github import GithubStandIn


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as server:
        server.add_repository(REPOSITORY, FILES, collaborators=["ada"])
        yield server


@pytest.fixture
def scenario(tmp_path: Path, github: GithubStandIn) -> Scenario:
    return Scenario(tmp_path, github)
