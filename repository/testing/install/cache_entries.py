"""Folders cached on this machine for the next run of the same repository.

What is cached was written by the repository's code, or by a package manager that read its files, in
the sandbox. So it is never used for another repository; tests can't write to it; and each run gets
a copy. An entry's name has a hash of everything that determines its content.
"""

import asyncio
import fcntl
import re
import shlex
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from repository.testing.folders import COPY
from sandbox import Sandbox, SandboxCommand

#: Maximum of a kind per repository; the least recently used is removed first.
MAX_ENTRIES = 8
_DESCRIPTION = "environment.json"
#: Files that ``tree`` has and ``source`` has not, and those of some names that differ. Bytecode is
#: of no use: sources get new times with each run. The folders get the usual modes: Go's are
#: read-only, which would keep the second of their files out.
_COPY_ADDED = """set -e
list() {{ find . ! -type d ! -name '*.pyc' -print0 | sort -z; }}
list_changed() {{
  find . -type f {changing} | while IFS= read -r path; do
    [ ! -f "{workspace}/source/$path" ] || cmp -s "$path" "{workspace}/source/$path" ||
      printf '%s\\0' "$path"
  done
}}
cd {workspace}/source && list > {target}/.source
cd {workspace}/tree && list | comm -z -23 - {target}/.source > {target}/.added
list_changed >> {target}/.added
{{
  tar --create --no-recursion --null --files-from={target}/.added
  echo $? > {target}/.status
}} | tar --extract --no-same-owner --preserve-permissions --directory={target}
[ "$(cat {target}/.status)" -eq 0 ]
rm {target}/.source {target}/.added {target}/.status
chmod -R a+rX {target}
"""
#: Another run's sandbox may have another user.
_COPY_WHOLE = f"{COPY} {{workspace}}/env/. {{target}}/ && chmod -R a+rX {{target}}"
_SCRIPTS: Mapping[str, str] = {"env": _COPY_WHOLE, "tree": _COPY_ADDED}
_READ = {"env": ("env",), "tree": ("tree", "source")}


def repository_folder(cache: Path, repository: str) -> Path:
    """Return a repository's own cache folder: what its code writes is used for no other."""
    return cache / re.sub(r"[^\w.-]+", "__", repository)


@dataclass(frozen=True)
class CacheEntries:
    """Cached copies of a workspace's ``env``, and of what its ``tree`` has besides ``source``."""

    sandbox: Sandbox
    folder: Path
    """Written only by this process and by its copy commands in the sandbox."""
    changing: frozenset[str] = frozenset()
    """Names of files that are copied from ``tree`` also if they only differ from ``source``."""

    def find(self, pattern: str) -> Path | None:
        """Return the entry last used of those whose name fits a pattern."""
        files = list(self.folder.glob(f"{pattern}/{_DESCRIPTION}"))
        newest = max(files, key=lambda file: file.stat().st_mtime, default=None)
        return None if newest is None else newest.parent

    def describe(self, entry: Path) -> str:
        """Return the description with which an entry was added."""
        return (entry / _DESCRIPTION).read_text()

    async def copy(self, entry: Path, workspace: Path, *names: str) -> None:
        """Copy folders of an entry to those of a workspace. It is not removed meanwhile."""
        with _locked(entry, fcntl.LOCK_SH):
            for name in names:
                await self._run(
                    f"{COPY} {entry}/{name}/. {workspace}/{name}/",
                    cwd=workspace / name,
                    writable=workspace / name,
                    readable=(entry,),
                )
            (entry / _DESCRIPTION).touch()

    async def add(self, name: str, workspace: Path, description: str, *names: str) -> None:
        """Add a copy of folders of a workspace: all of ``env``, what ``tree`` has in addition.

        If another run has already added an entry of this name, that stays.

        Raises:
            OSError: they can't be copied; then nothing is left of them.
        """
        new = self.folder / f"{name}.{uuid.uuid4().hex[:8]}"
        try:
            for part in names:
                target = new / part
                target.mkdir(parents=True)
                await self._copy_from(workspace, part, target)
        except OSError:
            await self._remove(new)
            raise
        (new / _DESCRIPTION).write_text(description)
        entry = self.folder / name
        if entry.exists():
            await self._remove(new)
        else:
            new.rename(entry)
        await self._remove_least_recently_used()

    async def _copy_from(self, workspace: Path, part: str, target: Path) -> None:
        names = _names(self.changing)
        await self._run(
            _SCRIPTS[part].format(workspace=workspace, target=target, changing=names),
            cwd=workspace / part,
            writable=target,
            readable=tuple(workspace / read for read in _READ[part]),
        )

    async def _remove_least_recently_used(self) -> None:
        entries = sorted(find_entries(self.folder), key=last_use)
        for entry in entries[:-MAX_ENTRIES]:
            await self.remove_unused(entry)

    async def remove_unused(self, entry: Path) -> bool:
        """Remove an entry; return False if a run is copying it, or it was removed already."""
        try:
            with _locked(entry, fcntl.LOCK_EX):
                await self._remove(entry)
        except (BlockingIOError, FileNotFoundError):
            return False
        return True

    async def _remove(self, entry: Path) -> None:
        (entry / _DESCRIPTION).unlink(missing_ok=True)
        for name in _SCRIPTS:
            folder = entry / name
            if folder.exists():
                empty = "chmod -R u+rwx . ; find . -mindepth 1 -delete"
                await self._run(empty, cwd=folder, writable=folder)
        await asyncio.to_thread(shutil.rmtree, entry)

    async def _run(
        self, script: str, *, cwd: Path, writable: Path, readable: tuple[Path, ...] = ()
    ) -> None:
        command = SandboxCommand(
            ("/bin/sh", "-c", script),
            cwd=cwd,
            writable=(writable,),
            readable=readable,
        )
        result = await self.sandbox.run(command)
        if result.returncode != 0:
            error = result.output.strip()[-300:] or result.describe_end()
            raise OSError(f"an environment could not be copied: {error}")


def find_entries(folder: Path, below: str = "") -> list[Path]:
    """Return the entries in a folder, or in those below it that match a pattern."""
    return [file.parent for file in folder.glob(f"{below}*/{_DESCRIPTION}")]


def last_use(entry: Path) -> float:
    """Return when an entry was added or last copied, in seconds since the epoch."""
    return (entry / _DESCRIPTION).stat().st_mtime


@contextmanager
def _locked(entry: Path, kind: int) -> Iterator[None]:
    """Hold a lock on an entry, against other runs and other processes; never wait for it.

    Raises:
        BlockingIOError: another run holds one that excludes it.
    """
    with (entry / _DESCRIPTION).open() as file:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
        yield


def _names(names: Iterable[str]) -> str:
    """Return the arguments by which find chooses files of these names; without names, none."""
    tests = [f"-name {shlex.quote(name)}" for name in sorted(names)]
    return rf"\( {' -o '.join(tests)} \)" if tests else "-false"
