"""A sandbox that does the same work on the same files only once.

A verdict repeats its runs, and many tests of the stages begin with the same repository. Those about
tests that end at random need the real sandbox.
"""

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cli import backends, wiring
from pipeline.settings import Settings
from sandbox import Sandbox, SandboxCommand, SandboxResult
from sandbox.bwrap.relocation import RUN_FOLDER_INSIDE, seen_inside


@dataclass(frozen=True)
class Ending:
    """What a command did."""

    result: SandboxResult
    folders: tuple[bytes, ...]
    """A tar archive of what the command left in each of its writable folders."""


#: Digest of a command and of the files that it reads -> what it did.
Memory = dict[str, Ending]


@pytest.fixture(scope="session")
def memory() -> Memory:
    """What the runs in this process have done: most of them fix the same sample."""
    return {}


@pytest.fixture
def same_runs_once(monkeypatch: pytest.MonkeyPatch, memory: Memory) -> None:
    """Let the service have a sandbox that remembers, if it is assembled in this process."""

    def sandbox_for(settings: Settings, *, local: bool) -> Sandbox:
        return RememberingSandbox(backends.sandbox_for(settings, local=local), memory)

    monkeypatch.setattr(wiring, "sandbox_for", sandbox_for)


class RememberingSandbox:
    """Passes commands on; of a run's folders and test runs, only those that are new.

    The other ones have the result and leave the files of the same command on the same files.
    """

    def __init__(self, sandbox: Sandbox, memory: Memory):
        self._sandbox = sandbox
        self._memory = memory
        self.name = sandbox.name

    def path_inside(self, run_folder: Path) -> Path:
        return self._sandbox.path_inside(run_folder)

    async def run(self, command: SandboxCommand) -> SandboxResult:
        is_known_kind = _fills_folders(command) or self._runs_tests(command)
        if command.on_output is not None or not is_known_kind:
            return await self._sandbox.run(command)
        key = _digest(command)
        ending = self._memory.get(key)
        if ending is None:
            result = await self._sandbox.run(command)
            self._memory[key] = Ending(result, tuple(map(_pack, command.writable)))
            return result
        for content, folder in zip(ending.folders, command.writable, strict=True):
            _unpack(content, folder)
        return ending.result

    def _runs_tests(self, command: SandboxCommand) -> bool:
        """Whether it is a test run of a test bed, which has the same paths in every run."""
        if [folder.name for folder in command.writable] != ["tree", "report"]:
            return False
        run_folder = command.run_folder
        return run_folder is not None and self.path_inside(run_folder) == RUN_FOLDER_INSIDE


def _fills_folders(command: SandboxCommand) -> bool:
    """Whether it is a script of repository/testing/folders.py, which replaces what it writes to.

    What was there before decides only how much is copied (restore_tree.sh), which is tested there.
    """
    if command.run_folder is not None or command.argv[0] != "/bin/sh":
        return False
    paths = (*command.writable, *command.readable)
    return bool(command.writable) and all(path.is_relative_to(command.cwd) for path in paths)


def _digest(command: SandboxCommand) -> str:
    """Return a digest of all that the result depends on: the command, and the run's files.

    Folders elsewhere are the machine's interpreters and tools, which stay the same.
    """
    inside = seen_inside(command)
    digest = hashlib.sha256()
    run_folder = command.run_folder or command.cwd
    cwd = command.cwd.relative_to(run_folder)
    conditions = replace(inside, cwd=cwd, writable=(), readable=(), run_folder=None)
    digest.update(repr(conditions).encode())
    read = command.readable
    if command.run_folder is not None:
        read += command.writable
    for folder in read:
        if not folder.is_relative_to(run_folder):
            digest.update(os.fsencode(folder))
            continue
        digest.update(os.fsencode(folder.relative_to(run_folder)))
        for word in _describe_files(folder):
            digest.update(len(word).to_bytes(8))
            digest.update(word)
    return digest.hexdigest()


def _describe_files(folder: Path) -> Iterator[bytes]:
    """Yield the path, the mode, and the content or the target of a folder and all its entries."""
    for path in (folder, *sorted(folder.rglob("*"))):
        yield os.fsencode(path.relative_to(folder))
        yield str(path.lstat().st_mode).encode()
        if path.is_symlink():
            yield os.fsencode(path.readlink())
        elif path.is_file():
            yield path.read_bytes()


def _pack(folder: Path) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    return content.getvalue()


def _unpack(content: bytes, folder: Path) -> None:
    """Replace what is in a folder; all of it gets the folder's owner."""
    status = folder.stat()

    def own(member: tarfile.TarInfo, _: str) -> tarfile.TarInfo:
        return member.replace(uid=status.st_uid, gid=status.st_gid, uname="", gname="")

    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(folder, numeric_owner=True, filter=own)
