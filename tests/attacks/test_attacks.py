"""What hostile code tries, and that each backend holds it; what honest code does, and that it
works.

Each attack is a small program that prints *escaped* or *held*. Run as root, the strongest that a
worker may be.
"""

import stat
from pathlib import Path

import pytest

from sandbox import Sandbox
from tests.attacks.conftest import HERE, SECRET, Attack, Machine
from tests.stand_ins.alone import alone  # noqa: F401 - for each test here
from tests.stand_ins.processes import running_processes

ATTACKS = sorted(path.stem for path in (HERE / "programs").glob("*.py") if path.stem != "attack")
BENIGN = sorted(path.stem for path in (HERE / "benign").glob("*.py"))
MEMORY_BOMBS = ["memory_private", "memory_shared_anonymous", "memory_files", "memory_hidden"]
SHARED_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")


@pytest.mark.parametrize("name", ATTACKS)
async def test_attack_is_held(name: str, attack: Attack, machine: Machine, tmp_path: Path):
    result = await attack(HERE / f"programs/{name}.py")
    assert result.output.split()[-1:] == ["held"], result
    assert machine.victim.poll() is None, "the process outside was killed"
    assert received_datagrams(machine) == []
    assert entries(machine.folder) == ["public", "secret", "socket"]
    assert (machine.folder / "public").read_text() == SECRET
    assert set_id_files(tmp_path / "work") == []
    assert files_left_behind() == []
    assert running_processes(f"{name}.py") == []


@pytest.mark.parametrize("name", ["leave_things_behind", "plant_set_user_id", "write_outside"])
async def test_attack_is_held_when_home_and_temporary_folder_last(
    name: str, attack: Attack, machine: Machine, tmp_path: Path
):
    work = tmp_path / "work"
    lasting = (work, tmp_path / "home", tmp_path / "tmp")
    for folder in lasting[1:]:
        folder.mkdir()
    result = await attack(
        HERE / f"programs/{name}.py", writable=lasting, home=lasting[1], temporary=lasting[2]
    )
    assert result.output.split()[-1:] == ["held"], result
    assert entries(machine.folder) == ["public", "secret", "socket"]
    assert set_id_files(tmp_path) == []
    assert files_left_behind() == []
    assert running_processes(f"{name}.py") == []


async def test_a_lasting_temporary_folder_counts_towards_the_disk_limit(
    attack: Attack, tmp_path: Path
):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    options = {"writable": (tmp_path / "work", temporary), "temporary": temporary}
    result = await attack(HERE / "bombs/disk.py", str(temporary), disk_mb=300, **options)
    assert result.returncode == 137
    assert "300 MB on disk" in result.output


@pytest.mark.parametrize("name", BENIGN)
async def test_honest_code_works(name: str, attack: Attack):
    result = await attack(HERE / f"benign/{name}.py")
    assert result.returncode == 0, result
    assert result.output.split()[-1:] == ["works"], result


@pytest.mark.parametrize("name", MEMORY_BOMBS)
async def test_memory_is_limited_however_it_is_allocated(name: str, attack: Attack):
    result = await attack(HERE / f"bombs/{name}.py", memory_mb=200)
    assert result.returncode == 137, result
    assert not result.timed_out
    assert "escaped" not in result.output
    assert "200 MB of memory" in result.output


async def test_fork_bomb_ends_and_leaves_nothing(attack: Attack):
    result = await attack(HERE / "bombs/processes.py", timeout=1.0, memory_mb=2048)
    assert result.returncode in (124, 137)
    assert running_processes("bombs/processes.py") == []


async def test_endless_output_ends_at_the_time_limit(attack: Attack):
    result = await attack(HERE / "bombs/output.py", timeout=1.0, output_limit=1000)
    assert result.timed_out
    assert set(result.output) == {"x"}
    assert len(result.output) <= 1000


@pytest.mark.parametrize("unnamed", [False, True], ids=["named", "unnamed"])
@pytest.mark.parametrize("folder", [".", "/tmp"])
async def test_disk_is_limited(folder: str, unnamed: bool, attack: Attack, sandbox: Sandbox):
    if folder == "/tmp" and sandbox.name == "bwrap":
        pytest.skip("bubblewrap's /tmp is in memory")
    arguments = [folder, "unnamed"] if unnamed else [folder]
    result = await attack(HERE / "bombs/disk.py", *arguments, disk_mb=300)
    assert result.returncode == 137
    assert "escaped" not in result.output
    assert "300 MB on disk" in result.output
    assert list(Path("/tmp").glob("disk-bomb-*")) == []


def received_datagrams(machine: Machine) -> list[bytes]:
    datagrams = []
    while True:
        try:
            datagrams.append(machine.datagrams.recv(99))
        except BlockingIOError:
            return datagrams


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def set_id_files(folder: Path) -> list[Path]:
    set_id = stat.S_ISUID | stat.S_ISGID
    return [path for path in folder.rglob("*") if path.lstat().st_mode & set_id]


def files_left_behind() -> list[Path]:
    files: list[Path] = []
    for folder in SHARED_FOLDERS:
        files += Path(folder).glob("left-behind*")
    return files
