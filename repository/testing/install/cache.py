"""Environments kept on this machine for the next run of the same repository.

What is kept was written by code of that repository, in the sandbox, while it was installed. So a
repository is given its own and no other's; no test could write to it, since tests see an
environment read-only; and a run gets a copy. The key is a hash of all that decided it, so a newer
recipe never meets an older environment."""

import asyncio
import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from repository.testing.models import Recipe
from sandbox import Sandbox, SandboxCommand

#: Environments of a repository; the longest unused goes first.
KEPT = 8
_COPY = "cp -dR --preserve=mode,timestamps,links"


def month_end(committed_at: int) -> datetime:
    """The date as of which packages are taken: commits of one month share an environment."""
    at = datetime.fromtimestamp(committed_at, UTC)
    return (
        at.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)
    ).replace(day=1)


def key_of(recipe: Recipe, interpreter: Path, index: Mapping[str, str]) -> str:
    decided = {
        "repository": recipe.repository,
        "before": month_end(recipe.committed_at).isoformat(),
        "python": str(interpreter),
        "requirements": recipe.requirements,
        "extras": recipe.extras,
        "runners": sorted({recipe.runner, *recipe.fallback_runners}),
        "index": dict(index),
    }
    return hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Kept:
    """One repository's. ``folder`` is written by this process and by its copying in the sandbox
    alone.
    """

    sandbox: Sandbox
    folder: Path

    @classmethod
    def of(cls, sandbox: Sandbox, cache: Path, repository: str) -> "Kept":
        return cls(sandbox, cache / re.sub(r"[^\w.-]+", "__", repository) / "environments")

    async def take(self, key: str, env: Path) -> list[str] | None:
        """Copies it to ``env``, an empty folder; gives the requirements that were tried for it.
        None: there is none.
        """
        there = self.folder / key
        told = there / "tried.json"
        if not told.exists():
            return None
        await self._run(f"{_COPY} {there}/env/. {env}/", writable=env, readable=there)
        told.touch()
        tried: list[str] = json.loads(told.read_text())
        return tried

    async def keep(self, key: str, env: Path, tried: Sequence[str]) -> None:
        """Keeps a copy of ``env``; where another run was first, that one stays."""
        fresh = self.folder / f"{key}.{uuid.uuid4().hex[:8]}"
        (fresh / "env").mkdir(parents=True)
        await self._run(f"{_COPY} {env}/. {fresh}/env/", writable=fresh / "env", readable=env)
        (fresh / "tried.json").write_text(json.dumps(list(tried)))
        if (self.folder / key).exists():
            await self._remove(fresh)
        else:
            fresh.rename(self.folder / key)
        by_use = sorted(self.folder.glob("*/tried.json"), key=lambda path: path.stat().st_mtime)
        for old in by_use[:-KEPT]:
            await self._remove(old.parent)

    async def _remove(self, there: Path) -> None:
        (there / "tried.json").unlink(missing_ok=True)
        await self._run("chmod -R u+rwx . ; find . -mindepth 1 -delete", writable=there / "env")
        await asyncio.to_thread(shutil.rmtree, there)

    async def _run(self, script: str, *, writable: Path, readable: Path | None = None) -> None:
        done = await self.sandbox.run(
            SandboxCommand(
                ("/bin/sh", "-c", script),
                cwd=writable,
                writable=(writable,),
                readable=(readable,) if readable else (),
            )
        )
        if done.returncode != 0:
            raise OSError(f"an environment could not be copied: {done.output.strip()[-300:]}")
