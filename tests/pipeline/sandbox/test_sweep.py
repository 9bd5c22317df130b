"""Sweeping the folders that everybody writes in, after a session."""

import os
from pathlib import Path

from pipeline.sandbox.ownership import sweep


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
