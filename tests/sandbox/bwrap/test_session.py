"""How a session of bubblewrap ends."""

import asyncio
from pathlib import Path

import pytest

from sandbox import NoIsolation, SandboxCommand
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy

SLEEP = SandboxCommand(("/bin/sleep", "4713"), cwd=Path("/"), timeout=0.2)


async def test_killed_sessions_are_reaped_once(caplog: pytest.LogCaptureFixture):
    try:
        sandbox = BwrapSandbox(IndexProxy.configured({}))
    except NoIsolation as error:
        pytest.skip(str(error))
    for _ in range(2):
        results = await asyncio.gather(*(sandbox.run(SLEEP) for _ in range(4)))
        assert {result.returncode for result in results} == {124}
    assert caplog.messages == [], "asyncio can't know how a process ended that others reaped"
