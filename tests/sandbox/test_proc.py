"""Measuring the memory and disk use of a session."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.proc import disk_use

MEGABYTE = 1 << 20


def test_vanishing_files_do_not_hide_a_large_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for number in range(20):
        (tmp_path / f"churn{number}").write_text("x")
    (tmp_path / "large").write_bytes(bytes(MEGABYTE))
    real_scandir = os.scandir

    @contextmanager
    def scandir_then_remove(path: str) -> Iterator[Iterator[os.DirEntry[str]]]:
        with real_scandir(path) as entries:
            listed = list(entries)
        for entry in listed:
            if entry.name != "large":
                Path(entry.path).unlink(missing_ok=True)
        yield iter(listed)

    monkeypatch.setattr(os, "scandir", scandir_then_remove)
    assert disk_use([tmp_path], os.getuid()) >= MEGABYTE


def test_folder_below_a_closed_folder_counts_once(tmp_path: Path):
    user = os.getuid() + 1
    closed = tmp_path / "closed"
    own = closed / "own"
    own.mkdir(parents=True)
    (own / "large").write_bytes(bytes(MEGABYTE))
    os.chown(own, user, -1)
    os.chown(own / "large", user, -1)

    size = disk_use([own], user)
    assert size >= MEGABYTE
    assert disk_use([tmp_path, own], user) == size
    assert disk_use([own, tmp_path], user) == size


def test_folder_below_an_owned_folder_counts_once(tmp_path: Path):
    user = os.getuid() + 1
    outer = tmp_path / "outer"
    inner = outer / "inner"
    inner.mkdir(parents=True)
    (inner / "large").write_bytes(bytes(MEGABYTE))
    paths = (outer, inner, inner / "large")
    for path in paths:
        os.chown(path, user, -1)

    use = sum(path.lstat().st_blocks * 512 for path in paths)
    # The outer folder itself is an entry of the one above.
    assert disk_use([tmp_path, inner], user) == use
