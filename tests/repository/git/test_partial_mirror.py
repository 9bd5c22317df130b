"""Partial mirrors with real git over HTTP: what is fetched, when, and with which requests."""

import os
import subprocess
from pathlib import Path

import pytest

from repository.git import GitError, GitRefused, Identity, Mirror
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn

AUTHOR = Identity("coding-agent", "agent@example.com")


def fetched(mirror: Mirror, url: str) -> str:
    """Fetch main with the contents of its newest commit; return that commit."""
    mirror.fetch(url, ["main"], partial=True)
    base = mirror.branch("main")
    assert base
    mirror.fetch_contents(url, base)
    return base


def git_config(github: GithubStandIn, name: str, value: str) -> None:
    folder = github.path("octo/sample")
    subprocess.run(["git", "config", name, value], cwd=folder, check=True)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def fetches(github: GithubStandIn) -> int:
    """Return how many packs were asked for."""
    posts = [request for request in github.requests if request.method == "POST"]
    return sum(1 for request in posts if request.path.endswith("git-upload-pack"))


def test_old_contents_and_other_branches_are_not_fetched(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    github.commit("octo/sample", {"old.bin": os.urandom(1_000_000)})
    github.commit("octo/sample", {"old.bin": b"small"})
    github.commit("octo/sample", {"large.bin": os.urandom(1_000_000)}, branch="other")
    base = fetched(mirror, url)
    assert mirror.read(base, "old.bin") == b"small"
    assert mirror.is_partial() and mirror.has_contents(base)
    assert size_of(mirror.folder) < 100_000


def test_all_contents_that_are_missing_come_with_one_request(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    github.commit("octo/sample", {f"{number}.txt": str(number) for number in range(200)})
    mirror.fetch(url, ["main"], partial=True)
    base = mirror.branch("main")
    assert base and not mirror.has_contents(base)
    before = fetches(github)
    mirror.fetch_contents(url, base)
    # The second POST is the request for the pack; the first asks for the protocol's version 2.
    assert fetches(github) - before <= 2
    assert mirror.has_contents(base) and len(mirror.files(base)) == 202
    after = len(github.requests)
    mirror.fetch_contents(url, base)
    assert len(github.requests) == after


def test_the_contents_of_one_file_can_be_fetched_alone(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    mirror.fetch(url, ["main"], partial=True)
    base = mirror.branch("main")
    assert base
    mirror.fetch_contents(url, base, ["a.txt"])
    assert mirror.read(base, "a.txt") == b"a\n"
    with pytest.raises(GitError):
        mirror.read(base, "src/b.py")


def test_a_command_that_lacks_contents_fails_and_asks_no_remote(
    github: GithubStandIn, mirror: Mirror, url: str, tmp_path: Path
) -> None:
    mirror.fetch(url, ["main"], partial=True)
    base = mirror.branch("main")
    assert base
    before = len(github.requests)
    with pytest.raises(GitError):
        mirror.export(base, tmp_path / "tree")
    assert len(github.requests) == before


def test_the_remote_and_its_token_are_not_stored(mirror: Mirror, url: str) -> None:
    fetched(mirror, url)
    config = (mirror.folder / "config").read_text()
    assert "remote" not in config and "promisor" not in config
    files = [path for path in mirror.folder.rglob("*") if path.is_file()]
    assert not any(WRITE_TOKEN.encode() in path.read_bytes() for path in files)


def test_a_push_sends_only_the_change_if_the_branch_has_moved_since(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    for number in range(5):
        github.commit("octo/sample", {"a.bin": os.urandom(100_000), "n.txt": f"{number}"})
    base = fetched(mirror, url)
    tree = mirror.write_tree(base, {"a.txt": b"changed\n"})
    commit = mirror.commit(tree, base, "Change a.txt", AUTHOR, 1_700_000_000)
    github.commit("octo/sample", {"a.txt": "by a person\n"})
    size = size_of(mirror.folder)
    mirror.push(url, commit, "agent/1", expected=None)
    assert github.files("octo/sample", "agent/1")["a.txt"] == b"changed\n"
    assert size_of(mirror.folder) == size


def test_a_push_to_a_fork_that_is_behind_fetches_what_it_lacks(
    github: GithubStandIn, mirror: Mirror, url: str, tmp_path: Path
) -> None:
    fork = github.add_repository("writer/sample", github.path("octo/sample"))
    github.commit("octo/sample", {"a.txt": "second\n"})
    github.commit("octo/sample", {"a.txt": "third\n"})
    base = fetched(mirror, url)
    # A fork has all objects of its network.
    alternates = github.path("writer/sample") / "objects/info/alternates"
    alternates.write_text(f"{github.path('octo/sample')}/objects\n")
    tree = mirror.write_tree(base, {"a.txt": b"changed\n"})
    commit = mirror.commit(tree, base, "Change a.txt", AUTHOR, 1_700_000_000)
    mirror.push(fork, commit, "agent/1", expected=None)
    assert github.sha("writer/sample", "agent/1") == commit
    history = ["git", "rev-list", "--objects", commit]
    subprocess.run(history, cwd=github.path("writer/sample"), check=True, capture_output=True)


def test_an_old_commit_can_be_completed_later(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    github.commit("octo/sample", {"a.txt": "first\n"})
    old = github.sha("octo/sample", "main")
    assert old
    github.commit("octo/sample", {"a.txt": "second\n"})
    fetched(mirror, url)
    assert mirror.has(old) and not mirror.has_contents(old)
    mirror.fetch(url, sha=old, partial=True)
    mirror.fetch_contents(url, old)
    assert mirror.read(old, "a.txt") == b"first\n"


def test_a_whole_mirror_stays_valid_when_it_becomes_partial(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    mirror.fetch(url, ["main"])
    old = mirror.branch("main")
    github.commit("octo/sample", {"a.txt": "second\n"})
    base = fetched(mirror, url)
    assert old and mirror.read(old, "a.txt") == b"a\n"
    assert mirror.read(base, "a.txt") == b"second\n"
    github.commit("octo/sample", {"a.txt": "third\n"})
    mirror.fetch(url, ["main"])
    newest = mirror.branch("main")
    assert newest and not mirror.has_contents(newest)


def test_a_server_that_knows_no_filter_sends_everything(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    git_config(github, "uploadpack.allowFilter", "false")
    mirror.fetch(url, ["main"], partial=True)
    base = mirror.branch("main")
    assert base and mirror.has_contents(base)
    assert mirror.read(base, "a.txt") == b"a\n"


@pytest.mark.parametrize("partial", [False, True])
def test_a_repository_that_is_too_large_is_refused_while_it_is_fetched(
    github: GithubStandIn, tmp_path: Path, url: str, *, partial: bool
) -> None:
    github.commit("octo/sample", {"large.bin": os.urandom(3_000_000)})
    mirror = Mirror(tmp_path / "m.git", lambda: WRITE_TOKEN, max_fetch_bytes=1_000_000)
    with pytest.raises(GitRefused, match="CODING_AGENT_MAX_REPOSITORY_MB"):
        fetched_or_refused(mirror, url, partial=partial)
    assert size_of(mirror.folder) < 1_500_000


def fetched_or_refused(mirror: Mirror, url: str, *, partial: bool) -> None:
    mirror.fetch(url, ["main"], partial=partial)
    base = mirror.branch("main")
    assert base
    mirror.fetch_contents(url, base)
