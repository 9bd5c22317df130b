"""What hostile code tries, and that each backend holds it; what honest code does, and that it
works.

Each attack is a small program that prints *escaped* or *held*. Run as root, the strongest that a
worker may be."""

import contextlib
import os
import stat
from pathlib import Path

import pytest

from sandbox import Sandbox
from tests.attacks.conftest import HERE, WORD, Machine
from tests.stand_ins.alone import alone  # noqa: F401 - of each test here

ATTACKS = sorted(path.stem for path in (HERE / "programs").glob("*.py") if path.stem != "attack")
BENIGN = sorted(path.stem for path in (HERE / "benign").glob("*.py"))


@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_is_held(name: str, attack, machine: Machine, tmp_path: Path):
    done = await attack(HERE / f"programs/{name}.py")
    assert done.output.split()[-1:] == ["held"], done.output
    assert machine.victim.poll() is None, "the process outside was killed"
    with contextlib.suppress(BlockingIOError):
        pytest.fail(f"outside, a datagram came: {machine.datagrams.recv(99)!r}")
    assert sorted(os.listdir(machine.folder)) == ["public", "secret", "socket"]
    assert (machine.folder / "public").read_text() == WORD[::-1]
    assert [
        path
        for path in (tmp_path / "work").rglob("*")
        if path.lstat().st_mode & (stat.S_ISUID | stat.S_ISGID)
    ] == []

    left = [
        path
        for path in ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")
        for _ in Path(path).glob("left-behind*")
    ]
    assert left == [] and running(f"{name}.py") == []


@pytest.mark.parametrize("name", BENIGN)
async def test_what_suites_do_works(name: str, attack):
    done = await attack(HERE / f"benign/{name}.py")
    assert (done.returncode, done.output.split()[-1:]) == (0, ["works"]), done.output


@pytest.mark.parametrize(
    "name", ["memory_private", "memory_shared_anonymous", "memory_files", "memory_hidden"]
)
async def test_memory_is_ended_at_its_limit_however_it_is_taken(name: str, attack):
    done = await attack(HERE / f"bombs/{name}.py", memory_mb=200)
    assert (done.returncode, done.timed_out) == (137, False), done.output
    assert "escaped" not in done.output and "200 MB of memory" in done.output


async def test_a_fork_bomb_ends_at_the_time_limit_and_nothing_of_it_is_left(
    attack, sandbox: Sandbox
):
    done = await attack(HERE / "bombs/processes.py", timeout=1.0, memory_mb=2048)
    assert done.returncode in (124, 137)
    assert running("bombs/processes.py") == []


async def test_endless_output_is_drained_and_ends_at_the_time_limit(attack):
    done = await attack(HERE / "bombs/output.py", timeout=1.0, output_limit=1000)
    assert done.timed_out and set(done.output) == {"x"} and len(done.output) <= 1000


async def test_a_disk_is_ended_at_its_limit_whether_its_files_have_names_or_not(
    attack, sandbox: Sandbox
):
    folders = (".", *(["/tmp"] if sandbox.name == "uid" else []))  # bubblewrap's /tmp is in memory
    for arguments in [(folder, *how) for folder in folders for how in ((), ("unnamed",))]:
        done = await attack(HERE / "bombs/disk.py", *arguments, disk_mb=300)
        assert (
            done.returncode == 137
            and "escaped" not in done.output
            and "300 MB on disk" in done.output
        )
    assert not [*Path("/tmp").glob("disk-bomb-*")]


def running(marker: str) -> list[str]:
    """Processes of this machine whose command line holds ``marker``."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and marker.encode() in (entry / "cmdline").read_bytes():
                found.append(entry.name)
    return found
