"""How full a disk is, of folders that exist and of those that don't."""

import shutil
from pathlib import Path

import pytest

from pipeline.disk import DiskUse, existing_parent, measure_disk


def test_a_folder_that_does_not_exist_is_on_the_disk_of_the_folder_above(tmp_path: Path) -> None:
    assert existing_parent(tmp_path / "a/b") == tmp_path
    assert existing_parent(tmp_path) == tmp_path


def test_space_that_only_root_may_use_counts_as_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type(shutil.disk_usage(tmp_path))(1000, 700, 250)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    assert measure_disk(tmp_path / "a") == DiskUse(free_bytes=250, total_bytes=1000)
    assert measure_disk(tmp_path).used_percent == 75


@pytest.mark.parametrize(
    ("free", "total", "has_room", "is_full"),
    [
        (20, 200, True, False),
        (19, 200, False, False),
        (4, 200, False, True),
        (1_000, 1_000_000, True, False),
        (999, 1_000_000, False, False),
        (249, 1_000_000, False, True),
    ],
)
def test_a_tenth_of_the_disk_is_needed_and_a_gigabyte_at_most(
    free: int, total: int, has_room: bool, is_full: bool
) -> None:
    disk = DiskUse(free_bytes=free * 1_000_000, total_bytes=total * 1_000_000)
    assert (disk.has_room, disk.is_full) == (has_room, is_full)
