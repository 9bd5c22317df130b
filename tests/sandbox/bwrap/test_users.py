"""Which user id a session of bubblewrap has, if the worker is root."""

import asyncio
import errno
import fcntl
import os
from pathlib import Path

import pytest

from sandbox import NoIsolation, SandboxCommand, user_ids
from sandbox.bwrap import users
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.bwrap.users import claim_user_id
from sandbox.index.proxy import IndexProxy
from sandbox.user_ids import lock_user_id
from tests.stand_ins.own_folder import own_folder  # noqa: F401 - as tmp_path

PROCESSES = 60
FILL = f"for i in $(seq {PROCESSES}); do sleep 4712 & done; echo full; wait"
WORK_WITH_FEWER = f"ulimit -p {PROCESSES - 20}; test $(id -un) = sandbox && echo works"


@pytest.fixture
def sandbox() -> BwrapSandbox:
    if os.geteuid() != 0:
        pytest.skip("only root runs commands as other users")
    try:
        return BwrapSandbox(IndexProxy.configured({}))
    except NoIsolation as error:
        pytest.skip(str(error))


@pytest.fixture
def one_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The only id that there is."""
    ids = range(61000, 61001)
    monkeypatch.setattr(users, "BWRAP_USER_IDS", ids)
    for module in (users, user_ids):
        monkeypatch.setattr(module, "STATE_FOLDER", tmp_path / "state")
    return ids[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    work.mkdir()
    return work


def shell(script: str, folder: Path, **options: object) -> SandboxCommand:
    argv = ("/bin/sh", "-c", script)
    options = {"writable": (folder,), "timeout": 20.0, **options}
    return SandboxCommand(argv, cwd=folder, **options)  # type: ignore[arg-type]


def in_run(folder: Path, *shared: Path) -> SandboxCommand:
    return SandboxCommand(("true",), cwd=folder, run_folder=folder, writable=(folder, *shared))


async def test_processes_of_one_session_do_not_count_towards_the_limit_of_another(
    sandbox: BwrapSandbox, folder: Path, tmp_path: Path
):
    other = tmp_path / "other"
    other.mkdir()
    full = asyncio.Event()
    bomb = shell(FILL, folder, on_output=lambda _: full.set())
    exploding = asyncio.create_task(sandbox.run(bomb))
    await full.wait()
    in_same_run = await sandbox.run(shell(WORK_WITH_FEWER, folder))
    in_another = await sandbox.run(shell(WORK_WITH_FEWER, other))
    exploding.cancel()
    assert "Cannot fork" in in_same_run.output
    assert in_another.output == "works\n"


async def test_a_folder_keeps_its_owner_from_session_to_session(
    sandbox: BwrapSandbox, folder: Path
):
    await sandbox.run(shell("echo 1 > file; mkdir inner", folder))
    before = (folder / "file").stat()
    await sandbox.run(shell("true", folder))
    assert (folder / "file").stat() == before
    assert folder.stat().st_uid == before.st_uid


@pytest.mark.parametrize("may_write", [True, False])
async def test_a_folder_is_handed_over_with_its_linked_files_if_its_user_is_busy(
    may_write: bool, sandbox: BwrapSandbox, folder: Path
):
    await sandbox.run(shell("umask 077; mkdir inner; echo 1 > inner/a; ln inner/a b", folder))
    owner = folder.stat().st_uid
    lock = lock_user_id(owner, fcntl.LOCK_EX)
    assert lock is not None
    writable = (folder,) if may_write else ()
    command = shell("cat b inner/a; id -u", folder, writable=writable, readable=(folder,))
    result = await sandbox.run(command)
    os.close(lock)
    first, second, user = result.output.split()
    assert (first, second) == ("1", "1")
    assert user != str(owner)
    assert (folder / "b").stat().st_uid == int(user)
    assert folder.stat().st_uid == int(user)


async def test_a_hand_over_that_was_interrupted_is_completed(sandbox: BwrapSandbox, folder: Path):
    await sandbox.run(shell("umask 077; echo 1 > a; echo 2 > b", folder))
    os.chown(folder, 0, 0)
    os.chown(folder / "a", 61183, 61183)
    result = await sandbox.run(shell("cat a b && rm a b", folder))
    assert result.output.split() == ["1", "2"]


def test_an_id_is_reused_after_its_session_and_not_before(one_id: int, tmp_path: Path):
    (tmp_path / "other").mkdir()
    with claim_user_id(in_run(tmp_path)) as uid, pytest.raises(OSError, match="all 1 user ids"):
        with claim_user_id(in_run(tmp_path / "other")):
            pytest.fail("two runs have the same id")
    with claim_user_id(in_run(tmp_path / "other")) as again:
        assert (uid, again) == (one_id, one_id)


def test_an_id_is_free_again_after_the_disk_was_full(
    one_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as full_disk, pytest.raises(OSError, match="no space left"):
        full_disk.setattr(os, "pwrite", fail)
        with claim_user_id(in_run(tmp_path)):
            pytest.fail("the folder of the id is not stored")
    with claim_user_id(in_run(tmp_path)) as uid:
        assert uid == one_id


def test_sessions_that_write_to_the_same_folder_share_an_id(one_id: int, tmp_path: Path):
    one, other, cache = [tmp_path / name for name in ("one", "other", "cache")]
    for folder in (one, other, cache):
        folder.mkdir()
    with claim_user_id(in_run(one)), claim_user_id(in_run(one)) as uid:
        assert uid == one_id
    with claim_user_id(in_run(one, cache)), claim_user_id(in_run(other, cache)) as uid:
        assert uid == one_id
