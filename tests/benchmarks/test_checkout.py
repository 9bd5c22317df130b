"""The measurement of checkouts, on a small repository."""

from pathlib import Path

import pytest

from benchmarks.checkout import (
    Remote,
    branch_of,
    bytes_for_main,
    make_repository,
    measure,
    summarize,
)
from tests.stand_ins.github import GithubStandIn


def test_each_warm_run_finds_a_new_commit_and_adds_only_that(tmp_path: Path) -> None:
    make_repository(tmp_path / "source")
    with GithubStandIn(tmp_path / "github") as github:
        remote = Remote(github, tmp_path, tmp_path / "source")
        rows = measure(remote, tmp_path, times=2)
    assert [row.run for row in rows] == ["cold", "warm 1", "warm 2"]
    assert [row.tree for row in rows] == [row.shallow_tree for row in rows] == [6, 8, 8]
    assert all(0 < row.mirror_grew < 10_000 for row in rows[1:])
    assert all(row.ratio == pytest.approx(row.checkout / row.shallow) for row in rows)
    summary = summarize(rows, main_bytes=7)
    assert summary["main_bytes"] == 7
    assert summary["cold_seconds"] == rows[0].checkout


def test_a_folder_that_is_no_repository_with_a_branch_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="nowhere has no branch that is checked out"):
        branch_of(tmp_path / "nowhere")
    with pytest.raises(SystemExit, match="has no branch that is checked out"):
        branch_of(tmp_path)


@pytest.mark.slow
def test_a_run_on_main_fetches_little_of_a_repository_with_a_large_branch(tmp_path: Path) -> None:
    assert bytes_for_main(tmp_path) < 5_000_000
