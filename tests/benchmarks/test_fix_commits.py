"""Choosing the commits that a measurement proposes again."""

import os
import subprocess
from pathlib import Path

import pytest

from benchmarks.fix_commits import choose_commits
from repository.git import Mirror


def commit(folder: Path, year: int) -> None:
    (folder / "shop.py").write_text(f"YEAR = {year}\n")
    (folder / "test_shop.py").write_text(f"def test_{year}():\n    assert True\n")
    identity = {
        f"GIT_{role}_{part}": "a@b"
        for role in ("AUTHOR", "COMMITTER")
        for part in ("NAME", "EMAIL")
    }
    environment = {
        **identity,
        "GIT_COMMITTER_DATE": f"{year}-06-01T00:00:00Z",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "PATH": os.environ["PATH"],
    }
    for arguments in (["add", "."], ["commit", "--quiet", "-m", f"Fix the year {year}"]):
        subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    for year in (2017, 2019, 2021):
        commit(tmp_path, year)
    return Mirror(tmp_path / ".git", lambda: None)


def test_only_commits_between_the_dates_are_chosen(mirror: Mirror) -> None:
    chosen = choose_commits(
        mirror, "octo/shop", since="2018-01-01", until="2020-01-01", number=5, seed=1
    )
    assert [found.message for found in chosen] == ["Fix the year 2019"]


def test_the_first_commit_has_no_parent_to_be_fixed(mirror: Mirror) -> None:
    chosen = choose_commits(mirror, "octo/shop", since="2010-01-01", until="now", number=5, seed=1)
    assert {found.message for found in chosen} == {"Fix the year 2019", "Fix the year 2021"}


def test_a_commit_with_a_file_that_is_not_text_is_not_chosen(
    mirror: Mirror, tmp_path: Path
) -> None:
    (tmp_path / "font.bin").write_bytes(b"\0")
    commit(tmp_path, 2022)
    chosen = choose_commits(mirror, "octo/shop", since="2022-01-01", until="now", number=5, seed=1)
    assert not chosen
