"""A helper for a worker that is not root: whom it serves, and what that worker may hand over."""

import asyncio
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox import NoIsolation, SandboxCommand
from sandbox.index.proxy import IndexProxy
from sandbox.uid.backend import UidSandbox
from tests.stand_ins.own_folder import own_folder  # noqa: F401 - as tmp_path

WORKER = 10001
STRANGER = 10002


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[Path]:
    """The socket of a helper that serves WORKER, where everybody can see it."""
    if os.geteuid() != 0:
        pytest.skip("the helper must be root")
    tmp_path.chmod(0o755)
    path = tmp_path / "helper/socket"
    argv = [
        sys.executable,
        "-c",
        "from cli.main import run; run()",
        "sandbox",
        "serve",
        "--worker",
        str(WORKER),
    ]
    environment = os.environ | {"CODING_AGENT_SANDBOX_SOCKET": str(path)}
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, env=environment, start_new_session=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        yield path
        process.terminate()


def as_user(uid: int, do: Callable[[], str]) -> str:
    """What ``do`` gives in a process of that user, or the error it ends with."""
    ours, theirs = multiprocessing.Pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            theirs.send(do())
        except Exception as error:
            theirs.send(f"{type(error).__name__}: {error}")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    told: str = ours.recv()
    return told


def owned(folder: Path, uid: int) -> Path:
    folder.mkdir(mode=0o700)
    os.chown(folder, uid, uid)
    return folder


def told_by(socket: Path, command: SandboxCommand) -> str:
    sandbox = UidSandbox(socket, IndexProxy.configured({}))
    return asyncio.run(sandbox.run(command)).output.strip()


def test_a_worker_that_is_not_root_has_sessions_of_other_users_and_its_folder_back(
    helper: Path, tmp_path: Path
):
    folder = owned(tmp_path / "work", WORKER)
    command = SandboxCommand(
        ("/bin/sh", "-c", "id -u; echo made > here"), cwd=folder, writable=(folder,)
    )
    told = as_user(WORKER, lambda: told_by(helper, command))
    assert told.isdigit() and int(told) not in (0, WORKER)
    assert as_user(
        WORKER, lambda: (folder / "here").read_text() + str((folder / "here").stat().st_uid)
    ) == (f"made\n{WORKER}")


def test_nobody_else_is_served(helper: Path, tmp_path: Path):
    folder = owned(tmp_path / "work", STRANGER)
    command = SandboxCommand(("/bin/true",), cwd=folder, writable=(folder,))
    assert as_user(STRANGER, lambda: told_by(helper, command)).startswith(
        f"{NoIsolation.__name__}: "
    )


def test_a_worker_can_only_hand_over_what_is_its_own(helper: Path, tmp_path: Path):
    folder = owned(tmp_path / "theirs", STRANGER)
    folder.chmod(0o777)
    command = SandboxCommand(("/bin/sh", "-c", "echo made > here"), cwd=folder, writable=(folder,))
    assert "is not yours to give away" in as_user(WORKER, lambda: told_by(helper, command))
    assert folder.stat().st_uid == STRANGER and not list(folder.iterdir())
