"""How a session of bubblewrap ends."""

import asyncio
import errno
import os
import re
import select
from pathlib import Path

import pytest

from sandbox import KILLED_EXIT_CODE, MACHINE_DISK_FULL, NoIsolation, SandboxCommand
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.bwrap.session import BubblewrapSession
from sandbox.index.proxy import IndexProxy
from sandbox.usage import Watch

SLEEP = SandboxCommand(("/bin/sleep", "4713"), cwd=Path("/"))
MILLISECONDS = 20_000


@pytest.fixture
def sandbox() -> BwrapSandbox:
    try:
        return BwrapSandbox(IndexProxy.configured({}))
    except NoIsolation as error:
        pytest.skip(str(error))


async def test_a_session_that_is_cancelled_before_its_init_is_known_leaves_no_process(
    sandbox: BwrapSandbox, monkeypatch: pytest.MonkeyPatch
):
    inits: list[int] = []

    async def be_cancelled(session: BubblewrapSession) -> None:
        status = await asyncio.to_thread(os.read, session._ends.status_r, 4096)
        match = re.search(rb'"child-pid": (\d+)', status)
        assert match is not None
        inits.append(os.pidfd_open(int(match[1])))
        raise asyncio.CancelledError

    monkeypatch.setattr(BubblewrapSession, "wait_for_init", be_cancelled)
    with pytest.raises(asyncio.CancelledError):
        await sandbox.run(SLEEP)
    (init,) = inits
    poll = select.poll()
    poll.register(init, select.POLLIN)
    assert poll.poll(MILLISECONDS), "it still runs"
    os.close(init)


async def test_a_session_for_which_no_descriptor_is_left_is_killed_and_reaped(
    sandbox: BwrapSandbox, monkeypatch: pytest.MonkeyPatch
):
    started: list[int] = []

    def refuse(pid: int) -> int:
        started.append(pid)
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        await sandbox.run(SLEEP)
    (pid,) = started
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    assert not Path(f"/proc/{pid}").exists()


async def test_a_session_that_ends_because_the_disk_is_full_counts_as_killed(
    sandbox: BwrapSandbox, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Watch, "exceeded", lambda _: MACHINE_DISK_FULL)
    result = await sandbox.run(SLEEP)
    assert result.exceeded == MACHINE_DISK_FULL
    assert result.returncode == KILLED_EXIT_CODE
