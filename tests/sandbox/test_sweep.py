"""Sweeping the folders that everybody writes in, after a session."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox import ownership
from sandbox.ownership import sweep
from sandbox.proc import disk_use


def test_what_a_session_left_is_removed_and_the_folder_that_was_given_to_it_stays(tmp_path: Path):
    shared = tmp_path / "shared"
    (shared / "left/deep").mkdir(parents=True)
    (shared / "given").mkdir()
    (shared / "given/result").write_text("mine")
    (shared / "link").symlink_to(tmp_path)
    folder = os.open(shared / "given", os.O_RDONLY)
    try:
        sweep(os.getuid(), [str(shared)], keep=[folder])
    finally:
        os.close(folder)
    assert [path.name for path in shared.iterdir()] == ["given"]
    assert (shared / "given/result").read_text() == "mine" and tmp_path.exists()


def test_what_others_own_stays(tmp_path: Path):
    (tmp_path / "theirs").mkdir()
    sweep(os.getuid() + 1, [str(tmp_path)])
    assert (tmp_path / "theirs").is_dir()


def test_what_vanishes_during_the_sweep_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text("left")

    def remove_all(name: str, folder: int) -> None:
        for path in tmp_path.iterdir():
            path.unlink()

    monkeypatch.setattr(ownership, "remove", remove_all)
    sweep(os.getuid(), [str(tmp_path)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("instead", ["nothing", "file", "link"])
def test_a_folder_that_others_swap_before_it_is_opened_is_passed_over(
    instead: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shared = tmp_path / "shared"
    outside = tmp_path / "outside"
    outside.mkdir()
    outside.chmod(0o777)
    (outside / "precious").mkdir()
    os.chown(outside / "precious", os.getuid() + 1, -1)
    for name in ("a", "b"):
        (shared / name).mkdir(parents=True)
        (shared / name).chmod(0o777)
    opened = os.open

    def swapped(path: str, *rest: Any, **options: Any) -> int:
        if path in {"a", "b"}:
            (shared / path).rmdir()
            if instead == "file":
                (shared / path).write_text("")
            elif instead == "link":
                (shared / path).symlink_to(outside)
        return opened(path, *rest, **options)

    monkeypatch.setattr(os, "open", swapped)
    sweep(os.getuid() + 1, [str(shared)])
    assert (outside / "precious").is_dir()


def test_a_file_that_vanishes_while_disk_use_is_added_up_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for number in range(20):
        (tmp_path / f"churn{number}").write_text("x")
    (tmp_path / "large").write_bytes(bytes(1 << 20))
    scandir = os.scandir

    @contextmanager
    def churning(path: str) -> Iterator[Iterator[os.DirEntry[str]]]:
        with scandir(path) as entries:
            listed = list(entries)
        for entry in listed:
            if entry.name != "large":
                Path(entry.path).unlink(missing_ok=True)
        yield iter(listed)

    monkeypatch.setattr(os, "scandir", churning)
    assert disk_use([tmp_path], os.getuid()) >= 1 << 20


def test_a_folder_below_one_that_is_closed_to_the_user_counts_and_counts_once(tmp_path: Path):
    closed = tmp_path / "closed"
    given = closed / "given"
    given.mkdir(parents=True)
    (given / "large").write_bytes(bytes(1 << 20))
    user = os.getuid() + 1
    for path in (given, given / "large"):
        os.chown(path, user, -1)
    size = disk_use([given], user)
    assert size >= 1 << 20
    assert disk_use([tmp_path, given], user) == disk_use([given, tmp_path], user) == size
    os.chown(closed, user, -1)
    of_folders = sum(path.stat().st_blocks * 512 for path in (closed, given))
    assert disk_use([tmp_path, given], user) == size + of_folders
