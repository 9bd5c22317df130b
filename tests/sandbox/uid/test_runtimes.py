"""The helper under the default seccomp profiles of container runtimes: it starts and sessions work,
or it says in a line what is missing.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from sandbox import SandboxCommand
from sandbox.index.proxy import IndexProxy
from sandbox.loopback import check_loopback
from sandbox.syscall_table import Processor
from sandbox.uid.backend import UidSandbox
from tests.sandbox.uid.runtime_filter import (
    CONTAINER,
    CONTAINER_WITH_PTRACE,
    PROFILES,
    refusals,
)
from tests.stand_ins.own_folder import own_folder  # noqa: F401 - as tmp_path

DOCKER = "docker seccomp/v0.2.3"
OLD_CONTAINERD = "containerd v1.4.0"
OLD_RUNC = "containerd v1.4.0, old runc"
CONTAINERD_1_6 = "containerd v1.6.36"
NEW_CONTAINERD = "containerd v2.3.4"
ROOT = Path(__file__).parents[3]
COMMAND = (sys.executable, "-c", "from cli.main import run; run()")
ALL_REACHED = {"TCP": True, "UDP": True, "unix": True}
NONE_REACHED = {"TCP": False, "UDP": False, "unix": False}
CONNECT = "import socket; socket.socket().connect(('127.0.0.1', 1))"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the helper must be root")


class Helper:
    """A helper as in a container, with its log."""

    def __init__(self, profile: str, capabilities: str, folder: Path):
        self.socket = folder / "helper/socket"
        program = [sys.executable, "-m", "tests.sandbox.uid.runtime_filter"]
        self.process = subprocess.Popen(
            [*program, profile, capabilities, *COMMAND, "sandbox", "serve"],
            cwd=ROOT,
            env={**os.environ, "CODING_AGENT_SANDBOX_SOCKET": str(self.socket)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stderr is not None
        self._log = self.process.stderr
        self.first_line = self._log.readline()

    def next_line(self) -> str:
        return self._log.readline()

    def wait_for_end(self) -> tuple[int, str]:
        """Return the exit code, and the lines of the log that were not read yet."""
        log = self._log.read()
        return self.process.wait(), log

    def sandbox(self) -> UidSandbox:
        return UidSandbox(self.socket, IndexProxy.configured({}))

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate()


@pytest.fixture
def start(request: pytest.FixtureRequest, tmp_path: Path):
    def start_helper(profile: str, capabilities: str) -> Helper:
        helper = Helper(profile, capabilities, tmp_path)
        request.addfinalizer(helper.stop)
        return helper

    return start_helper


@pytest.mark.parametrize(
    ("profile", "capabilities"),
    [
        ("none", CONTAINER),
        (DOCKER, CONTAINER_WITH_PTRACE),
        (CONTAINERD_1_6, CONTAINER_WITH_PTRACE),
        (NEW_CONTAINERD, CONTAINER_WITH_PTRACE),
    ],
)
def test_sessions_reach_their_own_servers(profile: str, capabilities: str, start):
    helper = start(profile, capabilities)
    assert helper.next_line() == "sandbox: a session works, and reaches its own servers\n"
    report = asyncio.run(check_loopback(helper.sandbox()))
    assert report.reached == ALL_REACHED
    assert report.fault() is None


@pytest.mark.parametrize(
    ("profile", "capabilities", "call"),
    [
        (DOCKER, CONTAINER, "pidfd_getfd"),
        (CONTAINERD_1_6, CONTAINER, "pidfd_getfd"),
        (NEW_CONTAINERD, CONTAINER, "pidfd_getfd"),
        (OLD_CONTAINERD, CONTAINER, "pidfd_open"),
        (OLD_CONTAINERD, CONTAINER_WITH_PTRACE, "pidfd_open"),
    ],
)
def test_a_refused_call_is_named_and_every_connection_refused(
    profile: str, capabilities: str, call: str, start
):
    helper = start(profile, capabilities)
    line = helper.next_line()
    assert line.startswith("sandbox: degraded: its own servers can't be reached: ")
    assert f"refuses {call}" in line
    assert "SYS_PTRACE" in line
    report = asyncio.run(check_loopback(helper.sandbox()))
    assert report.reached == NONE_REACHED
    assert report.fault() == line.removeprefix("sandbox: degraded: ").strip()


def test_a_degraded_command_runs_and_its_output_says_why_it_could_not_connect(start):
    helper = start(DOCKER, CONTAINER)
    helper.next_line()  # the helper listens
    sandbox = helper.sandbox()
    connect = SandboxCommand(("/usr/bin/python3", "-c", CONNECT), cwd=Path("/"))
    result = asyncio.run(sandbox.run(connect))
    assert "PermissionError" in result.output
    assert result.output.splitlines()[-1] == f"[sandbox: {result.degraded}]"

    quiet = asyncio.run(sandbox.run(SandboxCommand(("/bin/echo", "works"), cwd=Path("/"))))
    assert quiet.output == "works\n"
    assert quiet.degraded is None


def test_without_threads_the_helper_ends_and_says_what_is_missing(start):
    helper = start(OLD_RUNC, CONTAINER_WITH_PTRACE)
    code, log = helper.wait_for_end()
    assert code == 2
    assert "refuses clone3 with EPERM" in log
    assert "runc 1.0.0-rc93" in log


def test_the_first_line_of_the_log_is_about_the_runtime(start):
    helper = start(DOCKER, CONTAINER)
    assert helper.first_line.startswith(f"sandbox: kernel {os.uname().release} ")
    assert "Seccomp: 2" in helper.first_line
    assert "CapEff: 00000000000000eb" in helper.first_line


@pytest.mark.parametrize(
    ("capabilities", "exit_code"), [(CONTAINER_WITH_PTRACE, 0), (CONTAINER, 1)]
)
def test_check_in_the_place_of_the_container_tells_by_its_exit_code(
    capabilities: str, exit_code: int, tmp_path: Path
):
    program = [sys.executable, "-m", "tests.sandbox.uid.runtime_filter", DOCKER, capabilities]
    check = subprocess.run(
        [*program, *COMMAND, "sandbox", "check", "--backend", "uid", "--json"],
        cwd=ROOT,
        env={
            **os.environ,
            "CODING_AGENT_SANDBOX_SOCKET": str(tmp_path / "none"),
            "CODING_AGENT_DATA_DIR": str(tmp_path / "data"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == exit_code, check.stderr
    report = json.loads(check.stdout)
    assert report["ok"] is (exit_code == 0)
    assert (report["degraded"] is None) is (exit_code == 0)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("processor", get_args(Processor))
def test_each_call_of_a_profile_has_a_number_on_both_processors(profile: str, processor: Processor):
    assert refusals(profile, processor, sys_ptrace=False)
