"""``coding-agent sandbox``: a command in the sandbox, from the current folder, with its own exit
code.
"""

import json
import os
import subprocess

import pytest

from sandbox import NoIsolation
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy
from tests.cli.console import COMMAND, Console
from tests.stand_ins.own_folder import own_folder  # noqa: F401 - as tmp_path


@pytest.fixture(params=["bwrap", "uid"])
def backend(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if name == "uid" and os.geteuid() != 0:
        pytest.skip("the helper must be root")
    if name == "bwrap":
        try:
            BwrapSandbox(IndexProxy.configured({}))
        except NoIsolation as error:
            pytest.skip(str(error))
    return name


def run_sandboxed(console: Console, *words: str) -> "subprocess.CompletedProcess[str]":
    console.folder.chmod(0o700)
    return subprocess.run(
        [*COMMAND, "sandbox", "run", *words],
        cwd=console.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_command_reads_the_current_folder_and_writes_to_writable_folders(
    console: Console, backend: str
):
    (console.folder / "read").write_text("read me")
    (console.folder / "out").mkdir()
    script = "cat read; echo kept > out/file; echo no > file; exit 7"
    options = ["--backend", backend, "--writable", "out"]
    result = run_sandboxed(console, *options, "--", "sh", "-c", script)
    assert result.returncode == 7
    assert result.stdout.startswith("read me")
    assert (console.folder / "out/file").read_text() == "kept\n"
    assert not (console.folder / "file").exists()


def test_output_has_no_terminal_escapes(console: Console, backend: str):
    script = r"printf '\033[31mred'"
    result = run_sandboxed(console, "--backend", backend, "--", "sh", "-c", script)
    assert result.stdout == "red"


@pytest.mark.parametrize("backend", ["uid"], indirect=True)
def test_time_limit_exits_with_124(console: Console, backend: str):
    options = ["--backend", backend, "--timeout", "0.5"]
    result = run_sandboxed(console, *options, "--", "sleep", "60")
    assert result.returncode == 124
    assert "0.5 s" in result.stderr


@pytest.mark.parametrize("backend", ["uid"], indirect=True)
def test_memory_limit_exits_with_137(console: Console, backend: str):
    script = "x = b'x' * 500_000_000; import time; time.sleep(60)"
    options = ["--backend", backend, "--memory", "100"]
    result = run_sandboxed(console, *options, "--", "python3", "-c", script)
    assert result.returncode == 137
    assert "100 MB of memory" in result.stderr


@pytest.mark.parametrize("backend", ["uid"], indirect=True)
def test_disk_limit_exits_with_137(console: Console, backend: str):
    (console.folder / "out").mkdir()
    script = "head -c 400000000 /dev/zero > out/large; sleep 60"
    options = ["--backend", backend, "--disk", "100", "--writable", "out"]
    result = run_sandboxed(console, *options, "--", "sh", "-c", script)
    assert result.returncode == 137
    assert "100 MB on disk" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("unread", [("stdout",), ("stdout", "stderr")])
@pytest.mark.parametrize("backend", ["bwrap"], indirect=True)
def test_the_time_limit_holds_while_nobody_reads(
    console: Console, backend: str, unread: tuple[str, ...]
):
    read_fd, write_fd = os.pipe()
    words = ["sandbox", "run", "--backend", backend, "--timeout", "0.5", "--", "yes"]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    streams.update(dict.fromkeys(unread, write_fd))
    process = subprocess.Popen([*COMMAND, *words], cwd=console.folder, **streams)
    os.close(write_fd)
    try:
        assert process.wait(timeout=30) == 124
    finally:
        process.kill()
        os.close(read_fd)


@pytest.mark.parametrize("name", ["link", "parent/outside"])
def test_a_link_is_not_followed_to_a_writable_folder(console: Console, name: str):
    outside = console.folder.parent / "outside"
    outside.mkdir()
    (console.folder / "link").symlink_to(outside)
    (console.folder / "parent").symlink_to(console.folder.parent)
    result = console.run("sandbox", "run", "--writable", name, "--", "touch", "link/made")
    assert result.exit_code == 2
    assert f"--writable {outside}" in result.stderr
    assert list(outside.iterdir()) == []


def test_an_environment_of_the_repository_opens_no_folder_without_an_interpreter(
    console: Console, backend: str
):
    private = console.folder / "private"
    here = console.folder / "repository"
    for folder in (private / "folder", here / ".venv/bin"):
        folder.mkdir(parents=True)
    private.chmod(0o700)
    (private / "secret").write_text("the secret")
    (here / ".venv/pyvenv.cfg").write_text(f"home = {private}/folder\n")
    program = here / ".venv/bin/pip"
    program.write_text(f"#!/bin/sh\ncat {private}/secret\n")
    program.chmod(0o755)
    result = subprocess.run(
        [*COMMAND, "sandbox", "run", "--backend", backend, "--", ".venv/bin/pip"],
        cwd=here,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert "the secret" not in result.stdout


def test_check_prints_what_the_sandbox_of_the_setting_blocks(console: Console, backend: str):
    result = subprocess.run(
        [*COMMAND, "sandbox", "check", "--json"],
        env={**os.environ, "CODING_AGENT_SANDBOX": backend},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0
    report = json.loads(result.stdout)
    assert report["backend"] == backend
    assert report["ok"]
    assert all(report["checks"].values())
    assert len(report["checks"]) > 10


def test_missing_isolation_exits_with_2_and_a_hint(
    console: Console, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("CODING_AGENT_SANDBOX_SOCKET", "/not/there")
    result = console.run("sandbox", "run", "--backend", "uid", "--", "true")
    assert result.exit_code == 2
    assert "sandbox serve" in result.stderr


def test_a_setting_that_isolates_nothing_is_refused(
    console: Console, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CODING_AGENT_SANDBOX", "none")
    for words in (["run", "--", "true"], ["check"]):
        assert "--backend" in console.refused("sandbox", *words)


def test_helper_must_be_root(console: Console, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    result = console.run("sandbox", "serve")
    assert result.exit_code == 2
    assert "must be root" in result.stderr
