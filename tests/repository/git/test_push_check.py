"""A dry push against the stand-in: what it finds out, and that it changes nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from repository.git import GitUnauthorized, GitUnavailable, find_push_refusal
from tests.stand_ins.github import READ_TOKEN, WRITE_TOKEN, GithubStandIn

BRANCH = "coding-agent/issue-1-0123456789"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as server:
        server.add_repository("octo/sample", {"a.txt": "a\n"})
        yield server


def refusal(github: GithubStandIn, token: str | None = WRITE_TOKEN) -> str | None:
    return find_push_refusal(f"{github.origin}/octo/sample.git", BRANCH, token)


def test_a_dry_push_sends_nothing(github: GithubStandIn) -> None:
    assert refusal(github) is None
    assert {logged.method for logged in github.requests if "receive-pack" in logged.path} == {"GET"}
    assert github.sha("octo/sample", BRANCH) is None
    github.commit("octo/sample", {"b.txt": "b\n"}, branch=BRANCH)
    assert refusal(github) is None, "an earlier generation's branch is moved"


def test_a_repository_without_commits_can_be_pushed_to(github: GithubStandIn) -> None:
    url = github.add_repository("octo/empty", {})
    assert find_push_refusal(url, BRANCH, WRITE_TOKEN) is None


def test_a_token_that_may_not_push_is_refused(github: GithubStandIn) -> None:
    assert "Contents: write" in (refusal(github, READ_TOKEN) or "")


@pytest.mark.parametrize("token", ["ghp_wrong", None])
def test_refused_credentials_are_the_deployments_not_the_repositorys(
    github: GithubStandIn, token: str | None
) -> None:
    with pytest.raises(GitUnauthorized, match="GITHUB_TOKEN"):
        refusal(github, token)


@pytest.mark.parametrize("name", ["coding-agent", f"{BRANCH}/deeper/still"])
def test_a_branch_in_the_place_of_ours_is_named(github: GithubStandIn, name: str) -> None:
    github.commit("octo/sample", {"b.txt": "b\n"}, branch=name)
    github.commit("octo/sample", {"b.txt": "b\n"}, branch="x/coding-agent")
    assert refusal(github) == (
        f"its branch {name} makes the name {BRANCH} impossible: rename or delete it"
    )


def test_branches_beside_ours_are_none_of_our_business(github: GithubStandIn) -> None:
    github.commit("octo/sample", {"b.txt": "b\n"}, branch="coding-agent/issue-1-other")
    github.commit("octo/sample", {"b.txt": "b\n"}, branch="coding-agents")
    github.commit("octo/sample", {"b.txt": "b\n"}, branch="refs/heads/coding-agent")
    assert refusal(github) is None


def test_an_outage_is_not_a_refusal(github: GithubStandIn) -> None:
    github.fail_next("GET", "info/refs$", status=503)
    with pytest.raises(GitUnavailable):
        refusal(github)
