"""The local stack of ``make up``: it works, survives what ends, and keeps its data."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from examples.stack.__main__ import describe, start
from examples.stack.layout import ROOT, Ports, Stack
from examples.stack.supervision import StackFailed, Supervision

CODING_AGENT = str(Path(sys.executable).with_name("coding-agent"))


def free_ports(number: int) -> list[int]:
    probes = [socket.socket() for _ in range(number)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path, Ports(*free_ports(4)))
    yield stack
    Supervision(stack).stop()


def run(stack: Stack, *arguments: str) -> str:
    """Run a command with the stack's settings alone, and return what it prints."""
    command = [CODING_AGENT, "--data-dir", str(stack.data_dir), *arguments]
    environment = {name: os.environ[name] for name in ("PATH", "HOME")}
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def kill(stack: Stack, part: str) -> None:
    command = Supervision(stack).control_command("pid", part)
    pid = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    os.kill(int(pid), signal.SIGKILL)


@pytest.mark.slow
def test_a_job_is_done_although_parts_are_killed_and_is_still_there_after_a_stop(
    stack: Stack,
) -> None:
    start(stack)
    start(stack)
    with pytest.raises(StackFailed, match="other options: stop it first with make down"):
        start(replace(stack, model="openai/gpt-4o-mini"))
    with pytest.raises(StackFailed, match="other options"):
        start(replace(stack, ports=replace(stack.ports, console=1)))
    # Not the worker: the queue could hand the job to its last request, for two minutes.
    for part in ("github", "console"):
        kill(stack, part)
    lines = run(stack, "submit", "--wait", "--json", stack.sample_issue).splitlines()
    assert json.loads(lines[-1])["outcome"] == "pr_opened"
    assert Supervision(stack).stop()
    assert not Supervision(stack).stop()
    start(stack)
    rows = run(stack, "jobs", "list", "--json").splitlines()
    assert [json.loads(row)["outcome"] for row in rows] == ["pr_opened"]


def test_a_busy_port_is_named_with_the_option_that_changes_it(stack: Stack) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", stack.ports.console))
        busy.listen()
        with pytest.raises(StackFailed, match=rf"port {stack.ports.console} .* --console-port"):
            start(stack)
    assert not Supervision(stack).is_running()


def test_the_real_github_needs_a_token_and_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(tmp_path, Ports(1, 2, 3, 4), real_github=True)
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    with pytest.raises(StackFailed, match="GITHUB_TOKEN"):
        start(stack)
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_real")
    with pytest.raises(StackFailed, match="--model"):
        start(stack)


def test_the_settings_file_has_no_secret_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_real")
    stack = Stack(tmp_path, Ports(1, 2, 3, 4), real_github=True, model="openai/gpt-4o-mini")
    stack.write_settings()
    text = stack.settings_file.read_text()
    assert "GITHUB_TOKEN" not in text
    assert "CODING_AGENT_MODEL='openai/gpt-4o-mini'" in text


def test_the_callers_variables_do_not_take_the_place_of_the_stacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_real")
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/1/jobs")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    stack = Stack(tmp_path, Ports(1, 2, 3, 4), model="openai/gpt-4o-mini")
    environment = Supervision(stack).environment()
    assert environment.keys() & stack.settings.keys() == set()
    assert environment["OPENAI_API_KEY"] == "sk-real", "the model needs it"
    described = describe(stack)
    assert "-u GITHUB_TOKEN" in described["send a job"]
    assert "-u CODING_AGENT_QUEUE_URL" in described["send a job"]
    assert "OPENAI_API_KEY" not in described["send a job"]


def test_a_folder_whose_path_is_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackFailed, match="--home"):
        start(Stack(tmp_path / ("x" * 120), Ports(1, 2, 3, 4)))
