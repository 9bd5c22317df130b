"""The choice of an interpreter for a commit."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from repository.testing.install.interpreters import (
    allows,
    choose_minor,
    find_interpreters,
    interpreter_folders,
)

ALL_MINORS = list(range(6, 15))


def timestamp(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("day", "requires", "classified", "minor"),
    [
        ("2019-06-01", None, (), 7),
        ("2019-06-01", None, (5, 6), 6),
        ("2020-07-20", ">=3.5", (5, 6, 7, 8), 8),
        ("2020-01-20", None, (), 7),  # 3.8 was three months old
        ("2023-06-26", ">=3.7", (7, 8, 9, 10, 11), 10),
        ("2012-09-20", None, (), 6),  # older than all: the nearest
        ("2024-01-01", "<3.9", (), 8),
        ("2024-01-01", ">=3.99", (), None),
        ("2026-09-01", ">=3.12", (3, 4), 14),
        ("2019-06-01", "no specifier", (), 7),
    ],
)
def test_the_interpreter_is_the_newest_of_the_commits_time(
    day: str, requires: str | None, classified: tuple[int, ...], minor: int | None
) -> None:
    assert (
        choose_minor(
            ALL_MINORS, requires=requires, classified=classified, committed_at=timestamp(day)
        )
        == minor
    )


def make_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


def test_the_first_folder_with_a_version_wins(tmp_path: Path) -> None:
    make_files(tmp_path, "a/bin/python3.9", "b/bin/python3.9", "b/bin/python3.11")
    folders = [tmp_path / "a/bin", tmp_path / "missing", tmp_path / "b/bin"]
    assert find_interpreters(folders) == {
        9: tmp_path / "a/bin/python3.9",
        11: tmp_path / "b/bin/python3.11",
    }


def test_other_programs_are_not_interpreters(tmp_path: Path) -> None:
    make_files(tmp_path, "bin/python3", "bin/python3.11-config", "bin/python2.7")
    assert find_interpreters([tmp_path / "bin"]) == {}


def test_the_home_directory_of_an_interpreter_is_not_readable(tmp_path: Path) -> None:
    make_files(tmp_path, "bin/python3.9", "secret")
    assert interpreter_folders(tmp_path / "bin/python3.9") == (tmp_path / "bin",)


@pytest.mark.parametrize(
    ("requires", "minors"),
    [
        (None, [8, 11, 12]),
        (">=3.12", [12]),
        ("==3.11.4", [11]),
        ("<3", []),
        ("^3.11", [11, 12]),
        ("~3.11", [11]),
        ("3.11.*", [11]),
        ("~3.8 || ^3.12", [8, 12]),
        ("anything", [8, 11, 12]),
    ],
)
def test_version_specifiers_of_the_standard_and_of_poetry_are_read(requires, minors):
    assert [minor for minor in (8, 11, 12) if allows(requires, minor)] == minors
