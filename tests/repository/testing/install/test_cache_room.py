"""Cached folders of all repositories make room, except those that a run is copying."""

import asyncio
import os
from pathlib import Path

import pytest

from repository.testing.install.cache_entries import CacheEntries
from repository.testing.install.cache_room import MAX_REMOVED, remove_cached
from sandbox import SandboxCommand, SandboxResult
from sandbox.unconfined import UnconfinedSandbox


class HeldSandbox(UnconfinedSandbox):
    """Holds each command until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()

    async def run(self, command: SandboxCommand) -> SandboxResult:
        self.began.set()
        await self.may_end.wait()
        return await super().run(command)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Three entries of two repositories; ``oldest`` was used longest ago."""
    folder = tmp_path / "cache"
    add(folder / "octo__a/environments/newest", used_at=3)
    add(folder / "octo__b/environments/oldest", used_at=1)
    add(folder / "octo__b/fetched/older", used_at=2)
    return folder


def add(entry: Path, *, used_at: int) -> None:
    (entry / "env").mkdir(parents=True)
    (entry / "env/tool").write_text("x")
    description = entry / "environment.json"
    description.write_text("{}")
    os.utime(description, (used_at, used_at))


def names(cache: Path) -> set[str]:
    return {file.parent.name for file in cache.glob("*/*/*/environment.json")}


def never() -> bool:
    return False


async def test_the_least_recently_used_are_removed_until_there_is_room(cache: Path) -> None:
    await remove_cached(UnconfinedSandbox(), cache, lambda: len(names(cache)) == 1)
    assert names(cache) == {"newest"}
    assert not (cache / "octo__b/environments/oldest").exists()


async def test_with_room_all_stay(cache: Path) -> None:
    await remove_cached(UnconfinedSandbox(), cache, lambda: True)
    assert len(names(cache)) == 3


async def test_one_that_a_run_is_copying_stays(cache: Path, tmp_path: Path) -> None:
    sandbox = HeldSandbox()
    entry = cache / "octo__b/environments/oldest"
    (tmp_path / "workspace/env").mkdir(parents=True)
    entries = CacheEntries(sandbox, entry.parent)
    copying = asyncio.create_task(entries.copy(entry, tmp_path / "workspace", "env"))
    await sandbox.began.wait()
    await remove_cached(UnconfinedSandbox(), cache, never)
    assert names(cache) == {"oldest"}
    sandbox.may_end.set()
    await copying
    assert (tmp_path / "workspace/env/tool").read_text() == "x"
    await remove_cached(UnconfinedSandbox(), cache, never)
    assert names(cache) == set()


async def test_one_call_removes_a_few(cache: Path) -> None:
    for number in range(MAX_REMOVED):
        add(cache / f"octo__c/environments/{number}", used_at=number)
    await remove_cached(UnconfinedSandbox(), cache, never)
    assert len(names(cache)) == 3


async def test_one_that_another_process_has_removed_is_no_error(cache: Path) -> None:
    entry = cache / "octo__b/environments/oldest"
    entries = CacheEntries(UnconfinedSandbox(), entry.parent)
    assert await entries.remove_unused(entry)
    assert not await entries.remove_unused(entry)
