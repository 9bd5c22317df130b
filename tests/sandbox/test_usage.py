"""Which limit ends a session whose disk fills: its own, or the machine's."""

from pathlib import Path

import pytest

from sandbox import MACHINE_DISK_FULL, SandboxCommand, proc
from sandbox.limits import MIN_FREE_BYTES
from sandbox.usage import Exceeded, Watch, WatchedSession

MEGABYTE = 1024**2
LIMIT_MB = 1_000


@pytest.mark.parametrize(
    ("own_mb", "free", "exceeded"),
    [
        (10, MIN_FREE_BYTES, None),
        (10, MIN_FREE_BYTES - 1, MACHINE_DISK_FULL),
        (LIMIT_MB + 1, MIN_FREE_BYTES, "disk"),
        (LIMIT_MB + 1, 0, "disk"),
    ],
    ids=["room is left", "others fill the disk", "its own limit", "both"],
)
def test_a_session_that_keeps_its_limit_is_not_blamed_for_a_full_disk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    own_mb: int,
    free: int,
    exceeded: Exceeded | None,
) -> None:
    free_now = 10_000 * MEGABYTE
    monkeypatch.setattr(proc, "free_space", lambda folder: free_now)
    monkeypatch.setattr(proc, "disk_use", lambda folders, uid: own_mb * MEGABYTE)
    session = WatchedSession(
        uid=0,
        contains=lambda pid, status: False,
        folders=(tmp_path,),
        files_in_memory=lambda: 0,
    )
    command = SandboxCommand(("true",), cwd=tmp_path, disk_mb=LIMIT_MB)
    watch = Watch(session, command)
    free_now = free
    assert watch.exceeded() == exceeded
