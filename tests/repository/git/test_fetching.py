"""Fetching branches with real git, over HTTP with a token against the stand-in."""

import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from repository.git import GitUnavailable, Identity, Mirror
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn

AUTHOR = Identity("coding-agent", "agent@example.com")


def test_many_branches_are_fetched_in_one_compressed_request(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    """git sends its wants gzipped once they pass a kilobyte."""
    branches = {
        f"b{n}": github.commit("octo/sample", {"n.txt": f"{n}"}, branch=f"b{n}") for n in range(30)
    }
    mirror.fetch(url, branches)
    assert {name: mirror.branch(name) for name in branches} == branches


def test_a_fetch_follows_moved_forced_and_deleted_branches(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    github.commit("octo/sample", {"x": "x"}, branch="topic")
    mirror.fetch(url, ["main", "topic"])
    bare = github.path("octo/sample")
    subprocess.run(["git", "branch", "-D", "topic"], cwd=bare, check=True, capture_output=True)
    subprocess.run(["git", "branch", "topic/sub", "main"], cwd=bare, check=True)
    moved = github.commit("octo/sample", {"a.txt": "new\n"})
    mirror.fetch(url, ["main", "topic", "topic/sub"])
    assert mirror.branch("main") == moved
    assert mirror.branch("topic") is None
    assert mirror.branch("topic/sub")


def test_an_empty_repository_has_no_branches(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    empty = github.add_repository("octo/empty", {})
    mirror.fetch(empty, ["main"])
    assert mirror.branch("main") is None
    assert not mirror.remote_has_branches(empty)
    assert mirror.remote_has_branches(url)


def test_a_commit_without_a_branch_is_fetched_by_its_sha(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    unreferenced = github.commit("octo/sample", {"x": "x"}, branch="topic")
    bare = github.path("octo/sample")
    subprocess.run(["git", "branch", "-D", "topic"], cwd=bare, check=True, capture_output=True)
    assert not mirror.has(unreferenced)
    mirror.fetch(url, ["main"], sha=unreferenced)
    assert mirror.has(unreferenced)


def test_concurrent_fetches_wait_for_each_other(mirror: Mirror, url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: mirror.fetch(url, ["main"]), range(4)))
    assert mirror.branch("main")


def test_locks_of_a_killed_git_do_not_stop_the_next_fetch(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    mirror.fetch(url, ["main"])
    moved = github.commit("octo/sample", {"a.txt": "new\n"})
    shutil.rmtree(mirror.folder / "objects")  # an init that was cut short
    (head,) = (mirror.folder / "refs" / "remotes").glob("*/*")
    stale_lock = head.with_name(f"{head.name}.lock")
    stale_lock.touch()
    with pytest.raises(GitUnavailable):
        mirror.fetch(url, ["main"])  # a recent lock: another git may still be using it
    os.utime(stale_lock, (time.time() - 120,) * 2)
    mirror.fetch(url, ["main"])
    assert mirror.branch("main") == moved


def test_two_repositories_with_the_same_name_never_share_branches(
    tmp_path: Path, github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    other = github.add_repository("acme/sample", {"b.txt": "other\n"})
    twin = Mirror(mirror.folder, lambda: WRITE_TOKEN)
    mirror.fetch(url, ["main"])
    twin.fetch(other, ["main"])
    assert mirror.branch("main") == github.sha("octo/sample", "main")
    assert twin.branch("main") == github.sha("acme/sample", "main")


def test_a_shallow_local_repository_can_be_mirrored(
    tmp_path: Path, github: GithubStandIn, mirror: Mirror
) -> None:
    github.commit("octo/sample", {"a.txt": "second\n"})
    source = github.path("octo/sample")
    shallow = tmp_path / "shallow"
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", f"file://{source}", str(shallow)], check=True
    )
    mirror.fetch(str(shallow), ["main"])
    head = mirror.branch("main")
    assert head == github.sha("octo/sample", "main") and head
    assert mirror.read(head, "a.txt") == b"second\n"


def test_a_commit_has_a_time_and_a_nearest_tag(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    mirror.fetch(url, ["main"])
    base = mirror.branch("main")
    assert base and mirror.describe(base) is None
    subprocess.run(["git", "tag", "v1.2", "main"], cwd=github.path("octo/sample"), check=True)
    mirror.fetch(url, ["main"])
    commit = mirror.commit(mirror.tree_of(base), base, "Empty", AUTHOR, 1_700_000_000)
    assert mirror.describe(commit) == f"v1.2-1-g{commit[:7]}"
    assert mirror.commit_time(commit) == 1_700_000_000
