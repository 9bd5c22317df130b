"""Room for mirrors: which are removed, and which never are."""

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from repository.git import MirrorLimits, Mirrors

_Usage = namedtuple("_Usage", "total used free")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "mirrors"


def mirrors(root: Path, limit: int | None = None) -> Mirrors:
    return Mirrors(root, lambda _: None, limits=MirrorLimits(all_mirrors=limit))


def used(root: Path, *names: str, size: int = 1000) -> None:
    """Make mirrors of a size that were used one after the other, and are not in use."""
    for second, name in enumerate(names):
        with mirrors(root).using(name) as mirror:
            mirror.folder.mkdir()
            (mirror.folder / "pack").write_bytes(b"x" * size)
        os.utime(root / f"{name}.use", (second, second))


def remaining(root: Path) -> set[str]:
    return {folder.name for folder in root.glob("*.git")}


def test_the_mirrors_that_were_not_used_for_longest_are_removed_first(root: Path) -> None:
    used(root, "a", "b", "c")
    mirrors(root, 2000).make_room()
    assert remaining(root) == {"b.git", "c.git"}


def test_nothing_is_removed_while_there_is_room(root: Path) -> None:
    used(root, "a", "b", "c")
    mirrors(root, 3000).make_room()
    assert remaining(root) == {"a.git", "b.git", "c.git"}


def test_using_a_mirror_makes_room_and_renews_its_own_last_use(root: Path) -> None:
    used(root, "a", "b", "c")
    with mirrors(root, 2000).using("a"):
        assert remaining(root) == {"a.git", "c.git"}
    mirrors(root, 1000).make_room()
    assert remaining(root) == {"a.git"}


def test_a_mirror_is_removed_while_too_little_of_the_disk_is_free(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used(root, "a", "b", "c")

    def usage(folder: Path) -> _Usage:
        free = 5 + 3 * (3 - len(remaining(root)))
        return _Usage(100, 100 - free, free)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    mirrors(root).make_room()
    assert remaining(root) == {"c.git"}


def test_a_mirror_that_a_run_of_another_process_uses_is_kept_until_that_dies(root: Path) -> None:
    used(root, "a", "b")
    program = (
        "import sys\nfrom pathlib import Path\nfrom repository.git import Mirrors\n"
        "with Mirrors(Path(sys.argv[1]), lambda _: None).using('a'):\n"
        "    print('ready', flush=True)\n    sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        mirrors(root, 0).make_room()
        assert remaining(root) == {"a.git"}
        process.kill()
    mirrors(root, 0).make_room()
    assert remaining(root) == set()


def test_a_removal_that_a_crash_cut_short_is_finished(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used(root, "a")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        mirrors(root, 0).make_room()
    assert remaining(root) == set() and (root / "a.removed").exists()
    with mirrors(root).using("a") as mirror:
        assert not mirror.folder.exists()
    assert not (root / "a.removed").exists()


def test_a_mirror_of_an_older_version_is_removed_by_its_own_time(root: Path) -> None:
    used(root, "b")
    old = root / "a.git"
    old.mkdir()
    (old / "pack").write_bytes(b"x" * 1000)
    os.utime(old, (0, 0))
    os.utime(root / "b.use", (1, 1))
    mirrors(root, 1000).make_room()
    assert remaining(root) == {"b.git"}


def test_a_mirror_that_another_process_removes_meanwhile_is_no_failure(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used(root, "a", "b")

    def usage(folder: Path) -> _Usage:
        for name in remaining(root):
            shutil.rmtree(root / name)
        return _Usage(100, 100, 0)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    with mirrors(root).using("c") as mirror:
        mirror.create()
    assert remaining(root) == {"c.git"}


def test_a_mirror_whose_removal_fails_stops_no_run(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used(root, "a", "b")
    (root / "a.removed").mkdir()
    (root / "a.removed" / "pack").write_bytes(b"x")
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    mirrors(root, 0).make_room()
    assert remaining(root) == {"a.git"}
