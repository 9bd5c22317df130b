"""CODING_AGENT_PUSH=fork: no write access is needed, and the fork is created once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import Family, judge
from pipeline.github import NewPull
from pipeline.github.rest import GithubForge
from pipeline.job import IssueRef
from repository.git import Identity, Mirrors
from tests.stand_ins.github import READ_TOKEN, WRITE_TOKEN, GithubStandIn

REF = IssueRef.parse("https://github.com/octo/sample/issues/1")
NEW = NewPull(head="fix", base="main", title="Fix it", body="What was done.", draft=False)


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as server:
        server.add_repository("octo/sample", {"a.txt": "a\n"})
        server.add_issue("octo/sample", "Broken", "It is.")
        yield server


@pytest.fixture
def forge(github: GithubStandIn) -> GithubForge:
    return GithubForge(github.connect(READ_TOKEN), push="fork")


def push(forge: GithubForge, folder: Path) -> str:
    mirror = Mirrors(folder, forge.token).at(REF.repository)
    mirror.fetch(forge.repository(REF).clone_url, ["main"])
    base = mirror.branch("main")
    assert base
    tree = mirror.write_tree(base, {"a.txt": b"b\n"})
    sha = mirror.commit(tree, base, "Fix it", Identity("a", "a@example.com"), 1)
    mirror.push(forge.push_url(REF), sha, "fix", expected=None)
    return sha


def test_a_reader_of_the_repository_opens_its_pull_request_from_its_fork(
    forge: GithubForge, github: GithubStandIn, tmp_path: Path
) -> None:
    assert forge.repository(REF).push_refusal is None
    sha = push(forge, tmp_path / "mirrors")
    assert github.sha("octo/sample", "fix") is None
    assert github.sha("read-bot/sample", "fix") == sha
    assert forge.find_pulls(REF, "fix") == []
    opened = forge.create_pull(REF, NEW)
    (pull,) = forge.find_pulls(REF, "fix")
    assert (pull.number, pull.head_sha, pull.state) == (opened.number, sha, "open")
    assert forge.update_pull(REF, opened.number, NEW).number == opened.number
    github.add_pull("octo/sample", "Fixes #1")
    assert [pull.is_from_push_repository for pull in forge.open_pulls(REF)] == [False, True]
    assert len(github.pulls("octo/sample")) == 2
    assert github.pulls("read-bot/sample") == []


def test_a_fork_is_made_once(forge: GithubForge, github: GithubStandIn) -> None:
    first = forge.push_url(REF)
    assert first == f"{github.origin}/read-bot/sample.git" == forge.push_url(REF)
    assert [logged.method for logged in github.requests if logged.path.endswith("/forks")] == [
        "POST"
    ]


def test_a_fork_whose_reply_was_lost_is_not_made_again(
    forge: GithubForge, github: GithubStandIn
) -> None:
    github.fail_next("POST", "/forks$", after_effect=True, status=None)
    with pytest.raises(Exception) as caught:
        forge.push_url(REF)
    assert judge(caught.value).family is Family.WAIT
    assert forge.push_url(REF) == f"{github.origin}/read-bot/sample.git"
    assert [logged.path for logged in github.requests].count("/api/v3/repos/octo/sample/forks") == 1


def test_a_repository_with_the_name_of_the_fork_is_not_the_fork(
    forge: GithubForge, github: GithubStandIn
) -> None:
    github.add_repository("read-bot/sample", {"mine.txt": "mine\n"})
    assert forge.push_url(REF) == f"{github.origin}/read-bot/sample-1.git" == forge.push_url(REF)


def test_a_branch_of_the_same_name_in_the_repository_itself_is_not_ours(
    forge: GithubForge, github: GithubStandIn
) -> None:
    github.commit("octo/sample", {"b.txt": "b\n"}, branch="fix")
    owner = GithubForge(github.connect(WRITE_TOKEN))
    owner.create_pull(REF, NEW)
    assert forge.find_pulls(REF, "fix") == []


def test_a_repository_that_allows_no_forks_is_refused(
    forge: GithubForge, github: GithubStandIn
) -> None:
    github.forbid_forks("octo/sample")
    assert forge.repository(REF).push_refusal == "octo/sample does not allow forks"
