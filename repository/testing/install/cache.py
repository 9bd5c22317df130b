"""Environments cached on this machine for the next run of the same repository.

A cached environment was written by the repository's code, in the sandbox, during installation. So
it is never used for another repository; tests can't write to it, since environments are read-only
for them; and each run gets a copy. The key is a hash of everything that determines the content, so
that a newer recipe never gets an older environment.
"""

import asyncio
import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from repository.testing.folders import COPY
from repository.testing.install.dates import first_date
from repository.testing.models import Recipe
from sandbox import Sandbox, SandboxCommand

#: Maximum per repository; the least recently used is removed first.
MAX_ENVIRONMENTS = 8
_REQUIREMENTS = "requirements.json"
_IN_EVERY_ENVIRONMENT = ("pip",)
"""What all environments get besides their requirements; a change makes the older ones useless."""


def environment_key(recipe: Recipe, interpreter: Path, index: Mapping[str, str]) -> str:
    """Return a hash of everything that determines what is installed, except the commit itself."""
    inputs = {
        "repository": recipe.repository,
        "before": first_date(recipe, datetime.max.replace(tzinfo=UTC)).isoformat(),
        "python": str(interpreter),
        "requirements": recipe.requirements,
        "dependencies": recipe.dependencies,
        "extras": recipe.extras,
        "runners": sorted(set(recipe.runners)),
        "with": _IN_EVERY_ENVIRONMENT,
        "index": dict(index),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:32]


def repository_folder(cache: Path, repository: str) -> Path:
    """Return a repository's own cache folder: what its code writes is used for no other."""
    return cache / re.sub(r"[^\w.-]+", "__", repository)


@dataclass(frozen=True)
class EnvironmentCache:
    """The environments of one repository."""

    sandbox: Sandbox
    folder: Path
    """Written only by this process and by its copy commands in the sandbox."""

    @classmethod
    def of(cls, sandbox: Sandbox, cache: Path, repository: str) -> "EnvironmentCache":
        return cls(sandbox, repository_folder(cache, repository) / "environments")

    async def copy_to(self, env: Path, key: str) -> list[str] | None:
        """Copy an environment to ``env``, an empty folder.

        Returns:
            The requirements whose installation was attempted; None if there is no environment.
        """
        entry = self.folder / key
        file = entry / _REQUIREMENTS
        if not file.exists():
            return None
        await self._run(f"{COPY} {entry}/env/. {env}/", cwd=env, writable=env, readable=entry)
        file.touch()
        requirements: list[str] = json.loads(file.read_text())
        return requirements

    async def add(self, key: str, env: Path, requirements: Sequence[str]) -> None:
        """Add a copy of ``env``, unless another run has already added one."""
        new = self.folder / f"{key}.{uuid.uuid4().hex[:8]}"
        (new / "env").mkdir(parents=True)
        await self._run(
            # Another run's sandbox may have another user.
            f"{COPY} {env}/. {new}/env/ && chmod -R a+rX {new}/env",
            cwd=env,
            writable=new / "env",
            readable=env,
        )
        (new / _REQUIREMENTS).write_text(json.dumps(list(requirements)))
        entry = self.folder / key
        if entry.exists():
            await self._remove(new)
        else:
            new.rename(entry)
        await self._remove_least_recently_used()

    async def _remove_least_recently_used(self) -> None:
        files = list(self.folder.glob(f"*/{_REQUIREMENTS}"))
        files.sort(key=lambda file: file.stat().st_mtime)
        for file in files[:-MAX_ENVIRONMENTS]:
            await self._remove(file.parent)

    async def _remove(self, entry: Path) -> None:
        (entry / _REQUIREMENTS).unlink(missing_ok=True)
        env = entry / "env"
        await self._run("chmod -R u+rwx . ; find . -mindepth 1 -delete", cwd=env, writable=env)
        await asyncio.to_thread(shutil.rmtree, entry)

    async def _run(
        self, script: str, *, cwd: Path, writable: Path, readable: Path | None = None
    ) -> None:
        command = SandboxCommand(
            ("/bin/sh", "-c", script),
            cwd=cwd,
            writable=(writable,),
            readable=(readable,) if readable else (),
        )
        result = await self.sandbox.run(command)
        if result.returncode != 0:
            error = result.output.strip()[-300:] or result.describe_end()
            raise OSError(f"an environment could not be copied: {error}")
