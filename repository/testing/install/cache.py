"""Environments cached on this machine for the next run of the same repository.

A cached environment was written by the repository's code, in the sandbox, during installation. So
it is never used for another repository; tests can't write to it, since environments are read-only
for them; and each run gets a copy. The key is a hash of everything that determines the content, so
that a newer recipe never gets an older environment.

An entry also has the files that installing the repository added to its tree. They serve another
commit if nothing that the installation depends on differs (see ``build_inputs``); otherwise only
the environment does, and the repository is installed again.
"""

import asyncio
import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from repository.testing.environment import InstallMode
from repository.testing.folders import COPY
from repository.testing.install.dates import first_date
from repository.testing.models import Recipe
from sandbox import Sandbox, SandboxCommand

#: Maximum per repository; the least recently used is removed first.
MAX_ENVIRONMENTS = 8
_DESCRIPTION = "environment.json"
_IN_EVERY_ENVIRONMENT = ("pip",)
"""What all environments get besides their requirements; a change makes the older ones useless."""


#: Bytecode is of no use: sources get new times with each run.
_COPY_ADDED = """set -e
list() {{ find . ! -type d ! -name '*.pyc' | sort; }}
cd {workspace}/source && list > {target}/.source
cd {workspace}/tree && list | comm -23 - {target}/.source > {target}/.added
tr '\\n' '\\0' < {target}/.added | xargs -0 -r \\
    cp --parents -d --preserve=mode,timestamps,links -t {target}
rm {target}/.source {target}/.added
chmod -R a+rX {target}
"""


def environment_key(recipe: Recipe, interpreter: Path, index: Mapping[str, str]) -> str:
    """Return a hash of everything that determines what is installed, except the commit itself."""
    inputs = {
        "repository": recipe.repository,
        "before": first_date(recipe, datetime.max.replace(tzinfo=UTC)).isoformat(),
        "python": str(interpreter),
        "requirements": recipe.requirements,
        "dependencies": recipe.dependencies,
        "extras": recipe.extras,
        "packages": (recipe.project, *recipe.siblings),
        "own": recipe.own_packages,
        "runners": sorted(set(recipe.runners)),
        "with": _IN_EVERY_ENVIRONMENT,
        "index": dict(index),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:32]


def installation_key(build_inputs: str, folder: Path) -> str:
    """Return a hash of what the repository's installation depends on, besides the environment.

    ``folder`` is where the sandbox shows the workspace: editable installs state it.
    """
    return hashlib.sha256(f"{build_inputs}\n{folder}".encode()).hexdigest()[:16]


def repository_folder(cache: Path, repository: str) -> Path:
    """Return a repository's own cache folder: what its code writes is used for no other."""
    return cache / re.sub(r"[^\w.-]+", "__", repository)


class Installation(BaseModel):
    """How the repository was installed into a cached environment."""

    model_config = ConfigDict(frozen=True)

    install_mode: InstallMode
    version: str | None
    """The version that was given to a package that asks git for it."""
    rebuilds: bool
    failure: str


class CachedEnvironment(BaseModel):
    """What is known of an environment in the cache."""

    model_config = ConfigDict(frozen=True)

    requirements: tuple[str, ...]
    """Those whose installation was attempted."""
    installation: Installation | None = None
    """None if the repository must be installed again."""


@dataclass(frozen=True)
class EnvironmentCache:
    """The environments of one repository."""

    sandbox: Sandbox
    folder: Path
    """Written only by this process and by its copy commands in the sandbox."""

    @classmethod
    def of(cls, sandbox: Sandbox, cache: Path, repository: str) -> "EnvironmentCache":
        return cls(sandbox, repository_folder(cache, repository) / "environments")

    async def copy_to(self, workspace: Path, key: str, inputs: str) -> CachedEnvironment | None:
        """Copy an environment to the empty folder ``env`` of a workspace.

        If the repository was installed there from the same ``inputs``, the files that this added
        to its tree are copied to ``tree``.

        Returns:
            What is known of the environment; None if there is none.
        """
        entry = self._find(key, inputs)
        if entry is None:
            return None
        file = entry / _DESCRIPTION
        cached = CachedEnvironment.model_validate_json(file.read_text())
        targets = ["env"]
        if entry.name == f"{key}-{inputs}" and cached.installation is not None:
            targets.append("tree")
        else:
            cached = cached.model_copy(update={"installation": None})
        for name in targets:
            await self._run(
                f"{COPY} {entry}/{name}/. {workspace}/{name}/",
                cwd=workspace / name,
                writable=workspace / name,
                readable=(entry,),
            )
        file.touch()
        return cached

    async def add(
        self, workspace: Path, key: str, inputs: str, environment: CachedEnvironment
    ) -> None:
        """Add a copy of a workspace's ``env``, and of what ``tree`` has and ``source`` has not.

        If another run has already added the same, that stays.
        """
        new = self.folder / f"{key}.{uuid.uuid4().hex[:8]}"
        for name in ("env", "tree"):
            (new / name).mkdir(parents=True)
        env = workspace / "env"
        await self._run(
            # Another run's sandbox may have another user.
            f"{COPY} {env}/. {new}/env/ && chmod -R a+rX {new}/env",
            cwd=env,
            writable=new / "env",
            readable=(env,),
        )
        await self._run(
            _COPY_ADDED.format(workspace=workspace, target=new / "tree"),
            cwd=workspace / "tree",
            writable=new / "tree",
            readable=(workspace / "tree", workspace / "source"),
        )
        (new / _DESCRIPTION).write_text(environment.model_dump_json())
        entry = self.folder / f"{key}-{inputs}"
        if entry.exists():
            await self._remove(new)
        else:
            new.rename(entry)
        await self._remove_least_recently_used()

    def _find(self, key: str, inputs: str) -> Path | None:
        """Return the entry of the same installation, else the last used of the environment."""
        exact = self.folder / f"{key}-{inputs}"
        if (exact / _DESCRIPTION).exists():
            return exact
        files = list(self.folder.glob(f"{key}-*/{_DESCRIPTION}"))
        newest = max(files, key=lambda file: file.stat().st_mtime, default=None)
        return None if newest is None else newest.parent

    async def _remove_least_recently_used(self) -> None:
        files = list(self.folder.glob(f"*/{_DESCRIPTION}"))
        files.sort(key=lambda file: file.stat().st_mtime)
        for file in files[:-MAX_ENVIRONMENTS]:
            await self._remove(file.parent)

    async def _remove(self, entry: Path) -> None:
        (entry / _DESCRIPTION).unlink(missing_ok=True)
        for name in ("env", "tree"):
            folder = entry / name
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
