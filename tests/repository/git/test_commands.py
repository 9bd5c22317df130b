"""The git commands of a run end when it is interrupted."""

import fcntl
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from repository.git import GitCommands, GitUnavailable, Mirror, run_git
from repository.git import mirror as mirror_module
from repository.git.errors import MirrorBusy

PATIENCE = 30.0


@pytest.fixture
def silent_remote() -> Iterator[socket.socket]:
    """A server that never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        yield server


def run_in_thread(commands: GitCommands, call: object) -> tuple[threading.Thread, list[str]]:
    errors: list[str] = []

    def run() -> None:
        with commands.in_use():
            try:
                call()  # type: ignore[operator]
            except GitUnavailable as error:
                errors.append(str(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, errors


def test_a_command_ends_with_its_run_and_leaves_no_process(
    silent_remote: socket.socket, tmp_path: Path
) -> None:
    host, port = silent_remote.getsockname()
    url = f"http://{host}:{port}/octo/sample.git"
    commands = GitCommands()
    thread, errors = run_in_thread(commands, lambda: run_git(["ls-remote", url], cwd=tmp_path))
    connection, _ = silent_remote.accept()
    with connection:
        connection.settimeout(PATIENCE)
        assert connection.recv(65_536), "git asks for the branches"
        commands.end()
        assert connection.recv(65_536) == b"", "the helper that git started has ended, too"
    thread.join(PATIENCE)
    assert errors == ["the run was interrupted"]


def test_an_interrupted_run_starts_no_command(tmp_path: Path) -> None:
    commands = GitCommands()
    commands.end()
    with commands.in_use(), pytest.raises(GitUnavailable, match="interrupted"):
        run_git(["version"], cwd=tmp_path)
    assert run_git(["version"], cwd=tmp_path).returncode == 0, "the others go on"


@pytest.fixture
def busy_mirror(tmp_path: Path) -> Iterator[Mirror]:
    """A mirror into which another process fetches."""
    mirror = Mirror(tmp_path / "sample.git", lambda: None)
    with (tmp_path / "sample.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield mirror


def test_a_fetch_does_not_wait_for_another_for_ever(
    busy_mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_module, "LOCK_SECONDS", 0.0)
    with pytest.raises(MirrorBusy):
        busy_mirror.fetch(str(tmp_path), ["main"])


def test_a_fetch_that_waits_for_another_ends_with_its_run(
    busy_mirror: Mirror, tmp_path: Path
) -> None:
    commands = GitCommands()
    thread, errors = run_in_thread(commands, lambda: busy_mirror.fetch(str(tmp_path), ["main"]))
    commands.end()
    thread.join(PATIENCE)
    assert errors == ["the run was interrupted"]
