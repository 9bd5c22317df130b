"""Python environments cached on this machine for the next run of the same repository.

The key is a hash of everything that determines the content, so that a newer recipe never gets an
older environment. An entry also has the files that installing the repository added to its tree.
They serve another commit if nothing that the installation depends on differs (see
``build_inputs``); otherwise only the environment does, and the repository is installed again.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from repository.testing.environment import InstallMode
from repository.testing.install.cache_entries import CacheEntries, repository_folder
from repository.testing.install.dates import first_date
from repository.testing.models import Recipe
from sandbox import Sandbox

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
        "packages": (recipe.project, *recipe.siblings),
        "own": recipe.own_packages,
        "runners": sorted(set(recipe.runners)),
        "with": _IN_EVERY_ENVIRONMENT,
        "versions": "of own packages alone",
        "index": dict(index),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:32]


def installation_key(build_inputs: str, folder: Path) -> str:
    """Return a hash of what the repository's installation depends on, besides the environment.

    ``folder`` is where the sandbox shows the workspace: editable installs state it.
    """
    return hashlib.sha256(f"{build_inputs}\n{folder}".encode()).hexdigest()[:16]


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

    entries: CacheEntries

    @classmethod
    def of(cls, sandbox: Sandbox, cache: Path, repository: str) -> "EnvironmentCache":
        folder = repository_folder(cache, repository) / "environments"
        return cls(CacheEntries(sandbox, folder))

    async def copy_to(self, workspace: Path, key: str, inputs: str) -> CachedEnvironment | None:
        """Copy an environment to the empty folder ``env`` of a workspace.

        If the repository was installed there from the same ``inputs``, the files that this added
        to its tree are copied to ``tree``.

        Returns:
            What is known of the environment; None if there is none.
        """
        same = self.entries.find(f"{key}-{inputs}")
        entry = same or self.entries.find(f"{key}-*")
        if entry is None:
            return None
        cached = CachedEnvironment.model_validate_json(self.entries.describe(entry))
        if entry == same and cached.installation is not None:
            await self.entries.copy(entry, workspace, "env", "tree")
            return cached
        await self.entries.copy(entry, workspace, "env")
        return cached.model_copy(update={"installation": None})

    async def add(
        self, workspace: Path, key: str, inputs: str, environment: CachedEnvironment
    ) -> None:
        """Add a copy of a workspace's ``env``, and of what ``tree`` has and ``source`` has not.

        If another run has already added the same, that stays.
        """
        description = environment.model_dump_json()
        await self.entries.add(f"{key}-{inputs}", workspace, description, "env", "tree")
