"""A helper for a worker that is not root: which user it serves, what that user may hand over."""

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
    """The socket of a helper that serves WORKER, in a folder that every user can reach."""
    if os.geteuid() != 0:
        pytest.skip("the helper must be root")
    tmp_path.chmod(0o755)
    path = tmp_path / "helper/socket"
    program = [sys.executable, "-c", "from cli.main import run; run()"]
    environment = {**os.environ, "CODING_AGENT_SANDBOX_SOCKET": str(path)}
    with subprocess.Popen(
        [*program, "sandbox", "serve", "--worker", str(WORKER)],
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield path
        process.terminate()


def run_as(uid: int, function: Callable[[], str]) -> str:
    """Call a function in another user's process; return its result, or the error as text."""
    receiver, sender = multiprocessing.Pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            sender.send(function())
        except Exception as error:
            sender.send(f"{type(error).__name__}: {error}")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    result: str = receiver.recv()
    return result


def make_folder(path: Path, owner: int) -> Path:
    path.mkdir(mode=0o700)
    os.chown(path, owner, owner)
    return path


def output_of(helper: Path, command: SandboxCommand) -> str:
    sandbox = UidSandbox(helper, IndexProxy.configured({}))
    return asyncio.run(sandbox.run(command)).output.strip()


def write_command(folder: Path) -> SandboxCommand:
    script = "id -u; echo made > here"
    return SandboxCommand(("/bin/sh", "-c", script), cwd=folder, writable=(folder,))


def test_session_runs_as_another_user(helper: Path, tmp_path: Path):
    folder = make_folder(tmp_path / "work", WORKER)
    output = run_as(WORKER, lambda: output_of(helper, write_command(folder)))
    assert output.isdigit()
    assert int(output) not in (0, WORKER)


def test_worker_gets_its_folder_back(helper: Path, tmp_path: Path):
    folder = make_folder(tmp_path / "work", WORKER)
    run_as(WORKER, lambda: output_of(helper, write_command(folder)))
    file = folder / "here"
    assert run_as(WORKER, file.read_text) == "made\n"
    assert file.stat().st_uid == WORKER


def test_other_users_are_not_served(helper: Path, tmp_path: Path):
    folder = make_folder(tmp_path / "work", STRANGER)
    output = run_as(STRANGER, lambda: output_of(helper, write_command(folder)))
    assert output.startswith(f"{NoIsolation.__name__}: ")


def test_worker_hands_over_only_its_own_folders(helper: Path, tmp_path: Path):
    folder = make_folder(tmp_path / "theirs", STRANGER)
    folder.chmod(0o777)
    output = run_as(WORKER, lambda: output_of(helper, write_command(folder)))
    assert "does not belong to the worker" in output
    assert folder.stat().st_uid == STRANGER
    assert list(folder.iterdir()) == []
