"""Sweeping world-writable folders after a session."""

import os
from pathlib import Path
from typing import Any

import pytest

from sandbox import ownership
from sandbox.ownership import change_owner, sweep
from sandbox.user_ids import BWRAP_USER_IDS

OTHER_USER = os.getuid() + 1


def test_sweep_removes_files_that_a_session_left(tmp_path: Path):
    shared = tmp_path / "shared"
    (shared / "left/deep").mkdir(parents=True)
    (shared / "link").symlink_to(tmp_path)
    sweep(os.getuid(), [str(shared)])
    assert list(shared.iterdir()) == []
    assert tmp_path.exists()


def test_sweep_keeps_folders_that_are_handed_back(tmp_path: Path):
    (tmp_path / "left").mkdir()
    (tmp_path / "writable").mkdir()
    (tmp_path / "writable/result").write_text("mine")
    folder = os.open(tmp_path / "writable", os.O_RDONLY)
    try:
        sweep(os.getuid(), [str(tmp_path)], keep=[folder])
    finally:
        os.close(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["writable"]
    assert (tmp_path / "writable/result").read_text() == "mine"


def test_sweep_keeps_files_of_other_users(tmp_path: Path):
    (tmp_path / "theirs").mkdir()
    sweep(OTHER_USER, [str(tmp_path)])
    assert (tmp_path / "theirs").is_dir()


def test_sweep_skips_files_that_vanish_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text("left")

    def remove_all(name: str, folder: int) -> None:
        for path in tmp_path.iterdir():
            path.unlink()

    monkeypatch.setattr(ownership, "remove", remove_all)
    sweep(os.getuid(), [str(tmp_path)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("replacement", ["nothing", "file", "link"])
def test_sweep_skips_a_folder_that_is_swapped_before_it_is_opened(
    replacement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    outside = tmp_path / "outside"
    outside.mkdir()
    outside.chmod(0o777)
    precious = outside / "precious"
    precious.mkdir()
    os.chown(precious, OTHER_USER, -1)
    shared = tmp_path / "shared"
    for name in ("a", "b"):
        (shared / name).mkdir(parents=True)
        (shared / name).chmod(0o777)
    real_open = os.open

    def open_after_swap(path: str, *arguments: Any, **options: Any) -> int:
        if path in {"a", "b"}:
            (shared / path).rmdir()
            if replacement == "file":
                (shared / path).write_text("")
            elif replacement == "link":
                (shared / path).symlink_to(outside)
        return real_open(path, *arguments, **options)

    monkeypatch.setattr(os, "open", open_after_swap)
    sweep(OTHER_USER, [str(shared)])
    assert precious.is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands folders over")
def test_linked_files_are_handed_over_only_if_a_session_of_bwrap_wrote_them(tmp_path: Path):
    session = BWRAP_USER_IDS[-1]
    for name, owner in (("root", 0), ("session", session)):
        (tmp_path / name).write_text("")
        os.chown(tmp_path / name, owner, owner)
        (tmp_path / f"{name}-link").hardlink_to(tmp_path / name)
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        change_owner(folder, {0, *BWRAP_USER_IDS}, (OTHER_USER, OTHER_USER))
    finally:
        os.close(folder)
    assert (tmp_path / "root").stat().st_uid == 0
    assert (tmp_path / "session").stat().st_uid == OTHER_USER
    assert tmp_path.stat().st_uid == OTHER_USER
