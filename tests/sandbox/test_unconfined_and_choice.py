"""The backend without isolation, and which backend a deployment gets."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import NoIsolation, SandboxCommand, choose
from sandbox.choose import choose_sandbox
from sandbox.output import plain_text
from sandbox.unconfined import UnconfinedSandbox

NOWHERE = Path("/not/there/sandbox.sock")


async def test_it_runs_with_a_clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    command = SandboxCommand(("env",), cwd=tmp_path, environment={"GIVEN": "yes"})
    done = await UnconfinedSandbox().run(command)
    assert {line.partition("=")[0] for line in done.output.splitlines()} == {
        "PATH",
        "HOME",
        "LANG",
        "TMPDIR",
        "GIVEN",
    }


async def test_a_time_out_kills_the_whole_group(tmp_path: Path):
    script = "sleep 4712.1 & echo $!; sleep 4712.1"
    done = await UnconfinedSandbox().run(
        SandboxCommand(("sh", "-c", script), cwd=tmp_path, timeout=1.0)
    )
    assert (done.returncode, done.timed_out) == (124, True)
    left = Path(f"/proc/{done.output.strip()}/cmdline")
    assert not left.exists() or left.read_bytes() == b""  # gone, or a zombie until init reaps it


async def test_a_process_that_holds_the_output_open_does_not_hold_the_caller(tmp_path: Path):
    script = "import os, sys; os.fork() or (os.setsid(), os.execvp('sleep', ['sleep', '4']))"
    done = await UnconfinedSandbox().run(SandboxCommand(("python3", "-c", script), cwd=tmp_path))
    assert done.returncode == 0 and done.seconds < 4


@pytest.mark.parametrize(("on_ecs", "local"), [(True, True), (False, False)])
def test_none_is_for_local_mode_alone(on_ecs: bool, local: bool):
    with pytest.raises(NoIsolation, match="local mode"):
        choose_sandbox("none", on_ecs=on_ecs, local=local, socket=NOWHERE)


def test_none_in_local_mode_is_the_plain_one():
    assert choose_sandbox("none", on_ecs=False, local=True, socket=NOWHERE).name == "none"


def test_where_bubblewrap_does_not_work_auto_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise NoIsolation("bwrap is not installed: apt-get install bubblewrap")

    monkeypatch.setattr(choose, "BwrapSandbox", refuse)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(
        NoIsolation, match=r"apt-get install bubblewrap.*sandbox serve.*CODING_AGENT_SANDBOX=none"
    ):
        choose_sandbox("auto", on_ecs=False, local=True, socket=NOWHERE)
    with pytest.raises(NoIsolation) as refused:
        choose_sandbox("auto", on_ecs=False, local=False, socket=NOWHERE)
    assert "none" not in str(refused.value)


@pytest.mark.parametrize("setting", ["docker", ""])
def test_what_is_not_there_is_refused_by_name(setting: str):
    with pytest.raises(NoIsolation, match="CODING_AGENT_SANDBOX"):
        choose_sandbox(setting, on_ecs=False, local=True, socket=NOWHERE)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_no_output_keeps_a_control_character(data: bytes):
    assert not [
        c for c in plain_text(data, 1000) if (c < " " and c not in "\n\t") or "\x7f" <= c <= "\x9f"
    ]


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=100))
def test_plain_text_passes_as_it_is(text: str):
    assert plain_text(text.encode(), 1000) == text
