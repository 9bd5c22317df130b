"""A GitHub that makes events, which nobody asks over HTTP."""

from collections.abc import Iterator

import pytest

from tests.stand_ins.github import GithubStandIn

REPOSITORY = "octo/repo"
#: The account of the service, as in RULES.
BOT = "octo-bot"


@pytest.fixture(scope="package")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GithubStandIn]:
    """Tests add their own issues and pull requests."""
    github = GithubStandIn(tmp_path_factory.mktemp("github"))
    github.add_repository(REPOSITORY, {"a.txt": "a\n"}, collaborators=["ada"])
    with github:
        yield github


@pytest.fixture
def issue(github: GithubStandIn) -> int:
    return github.add_issue(REPOSITORY, "It is broken", "It should not be.")


@pytest.fixture
def pull(github: GithubStandIn) -> int:
    """The number of an open pull request of the service's."""
    branch = f"coding-agent/issue-1-{github.now().timestamp():.0f}"
    return github.add_branch_pull(REPOSITORY, branch, "A fix", author=BOT)
