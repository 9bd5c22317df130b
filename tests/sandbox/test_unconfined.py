"""The backend without isolation."""

from pathlib import Path

import pytest

from sandbox import SandboxCommand
from sandbox.unconfined import UnconfinedSandbox


async def test_runs_with_a_clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    command = SandboxCommand(("env",), cwd=tmp_path, environment={"GIVEN": "yes"})
    result = await UnconfinedSandbox().run(command)
    names = {line.partition("=")[0] for line in result.output.splitlines()}
    assert names == {"PATH", "HOME", "LANG", "TMPDIR", "GIVEN"}


async def test_time_limit_kills_the_process_group(tmp_path: Path):
    script = "sleep 4712.1 & echo $!; sleep 4712.1"
    command = SandboxCommand(("sh", "-c", script), cwd=tmp_path, timeout=1.0)
    result = await UnconfinedSandbox().run(command)
    assert result.returncode == 124
    assert result.timed_out
    command_line = Path(f"/proc/{result.output.strip()}/cmdline")
    # It is gone, or a zombie until init reaps it.
    assert not command_line.exists() or command_line.read_bytes() == b""


async def test_process_that_holds_the_output_open_does_not_block(tmp_path: Path):
    script = "import os, sys; os.fork() or (os.setsid(), os.execvp('sleep', ['sleep', '4']))"
    command = SandboxCommand(("python3", "-c", script), cwd=tmp_path)
    result = await UnconfinedSandbox().run(command)
    assert result.returncode == 0
    assert result.seconds < 4
