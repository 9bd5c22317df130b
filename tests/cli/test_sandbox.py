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
    try:
        if request.param == "uid" and os.geteuid() != 0:
            pytest.skip("the helper must be root")
        BwrapSandbox(IndexProxy.configured({}))
    except NoIsolation as error:
        pytest.skip(str(error))
    return str(request.param)


def sandboxed(console: Console, *words: str, **more: object) -> "subprocess.CompletedProcess[str]":
    console.folder.chmod(0o700)
    return subprocess.run(
        [*COMMAND, "sandbox", "run", *words],
        cwd=console.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **more,
    )  # type: ignore[call-overload,no-any-return]


def test_it_runs_here_reads_here_and_writes_where_it_may(console: Console, backend: str):
    (console.folder / "read").write_text("read me")
    (console.folder / "out").mkdir()
    script = "cat read; echo kept > out/file; echo no > file; echo; printf '\\033[31mred'; exit 7"
    done = sandboxed(console, "--backend", backend, "--writable", "out", "--", "sh", "-c", script)
    assert (done.returncode, done.stdout.startswith("read me"), done.stdout.endswith("\nred")) == (
        7,
        True,
        True,
    )
    assert (console.folder / "out/file").read_text() == "kept\n"
    assert not (console.folder / "file").exists()


@pytest.mark.parametrize("backend", ["uid"], indirect=True)
def test_time_and_memory_have_exit_codes_and_reasons_of_their_own(console: Console, backend: str):
    done = sandboxed(console, "--backend", backend, "--timeout", "0.5", "--", "sleep", "60")
    assert (done.returncode, "0.5 s" in done.stderr) == (124, True)
    script = "x = b'x' * 500_000_000; import time; time.sleep(60)"
    done = sandboxed(
        console, "--backend", backend, "--memory", "100", "--", "python3", "-c", script
    )
    assert (done.returncode, "100 MB of memory" in done.stderr) == (137, True)


@pytest.mark.parametrize("backend", ["bwrap"], indirect=True)
def test_output_that_nobody_reads_does_not_hold_the_time_limit_up(console: Console, backend: str):
    read, write = os.pipe()
    words = ["sandbox", "run", "--backend", backend, "--timeout", "0.5", "--", "yes"]
    process = subprocess.Popen(
        [*COMMAND, *words], cwd=console.folder, stdout=write, stderr=subprocess.DEVNULL
    )
    os.close(write)
    try:
        assert process.wait(timeout=30) == 124
    finally:
        process.kill()
        os.close(read)


@pytest.mark.parametrize("backend", ["uid"], indirect=True)
def test_check_says_what_holds(console: Console, backend: str):
    done = subprocess.run(
        [*COMMAND, "sandbox", "check", "--backend", backend, "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = json.loads(done.stdout)
    assert (done.returncode, told["backend"], told["ok"], all(told["checks"].values())) == (
        0,
        backend,
        True,
        True,
    )
    assert len(told["checks"]) > 10


def test_where_nothing_isolates_it_says_what_would(
    console: Console, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("CODING_AGENT_SANDBOX_SOCKET", "/not/there")
    result = console.run("sandbox", "run", "--backend", "uid", "--", "true")
    assert result.exit_code == 2 and "sandbox serve" in result.stderr


def test_the_helper_must_be_root(console: Console, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    result = console.run("sandbox", "serve")
    assert result.exit_code == 2 and "must be root" in result.stderr
