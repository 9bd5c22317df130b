from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.reviewed_pull import ReviewedPull
from tests.end_to_end.service import Service
from tests.stand_ins.aws import Aws
from tests.stand_ins.github import GithubStandIn


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as github:
        yield github


@pytest.fixture
def reviewed(
    tmp_path: Path, github: GithubStandIn, monkeypatch: pytest.MonkeyPatch
) -> ReviewedPull:
    """The repository, before its fix has opened the pull request."""
    return ReviewedPull(tmp_path, github, monkeypatch)


@pytest.fixture
def service(tmp_path: Path, github: GithubStandIn, aws_server: Aws) -> Iterator[Service]:
    service = Service.start(tmp_path, github, aws_server)
    yield service
    # Also after a failure: at its end, pytest would wait for workers that it has forked.
    service.kill_workers()
