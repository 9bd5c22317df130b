"""How a session of bubblewrap ends."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import KILLED_EXIT_CODE, MACHINE_DISK_FULL, NoIsolation, SandboxCommand
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy
from sandbox.usage import Watch

SLEEP = SandboxCommand(("/bin/sleep", "4713"), cwd=Path("/"), timeout=0.2)


@pytest.fixture
def sandbox() -> BwrapSandbox:
    try:
        return BwrapSandbox(IndexProxy.configured({}))
    except NoIsolation as error:
        pytest.skip(str(error))


async def test_killed_sessions_are_reaped_once(
    sandbox: BwrapSandbox, caplog: pytest.LogCaptureFixture
):
    for _ in range(2):
        results = await asyncio.gather(*(sandbox.run(SLEEP) for _ in range(4)))
        assert {result.returncode for result in results} == {124}
    assert caplog.messages == [], "asyncio can't know how a process ended that others reaped"


async def test_a_session_that_ends_because_the_disk_is_full_counts_as_killed(
    sandbox: BwrapSandbox, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Watch, "exceeded", lambda _: MACHINE_DISK_FULL)
    result = await sandbox.run(replace(SLEEP, timeout=20.0))
    assert result.exceeded == MACHINE_DISK_FULL
    assert result.returncode == KILLED_EXIT_CODE
