"""What package managers of other languages fetch, cached for the next run of the same repository.

Fetching runs none of the repository's code: it only reads its manifests and lock files. Two commits
of a month with the same ones, and the same commands, share what is fetched: packages without a lock
file are then as of the day of the first of them.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from repository.git import Entry
from repository.runners import NODE_RUNNERS, Runner
from repository.testing.install.build_task import BuildTask
from repository.testing.install.cache_entries import CacheEntries, repository_folder
from repository.testing.models import Recipe

_NODE_FILES = frozenset(
    {
        "package.json",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "pnpm-workspace.yaml",
        "lerna.json",
        ".npmrc",
        ".yarnrc",
        ".yarnrc.yml",
    }
)
_NODE_FOLDERS = frozenset({".yarn", "patches"})
#: Maven and Gradle compile the repository while they fetch, so that nothing of theirs is shared.
_FILES: Mapping[Runner, frozenset[str]] = {
    "go": frozenset({"go.mod", "go.sum", "go.work", "go.work.sum", "modules.txt"}),
    "cargo": frozenset(
        {
            "Cargo.toml",
            "Cargo.lock",
            "config.toml",
            "config",
            "rust-toolchain",
            "rust-toolchain.toml",
        }
    ),
    **dict.fromkeys(NODE_RUNNERS, _NODE_FILES),
}
#: How the version of a dependency begins that is a folder.
_COPYING = (b'"file:', b'"./', b'"../')


class FetchedPackages:
    """The packages of one recipe, if they can be shared at all."""

    def __init__(self, task: BuildTask, tools: Collection[Path]):
        folder = repository_folder(task.tools.cache, task.recipe.repository) / "fetched"
        self._task = task
        files = _FILES.get(task.recipe.runner, frozenset())
        self._entries = CacheEntries(task.tools.sandbox, folder, changing=files)
        fetches = any(step.network for step in task.recipe.steps)
        is_shared = bool(files) and fetches and not task.recipe.offline
        self._key = _key(task, tools) if is_shared else None

    @property
    def has_build_cache(self) -> bool:
        """Whether the build's own cache is shared, too: Go finds in it what fits by its content."""
        return self._task.recipe.runner == "go"

    async def restore(self) -> bool:
        """Copy the packages to ``tree``; return whether they were cached."""
        if self._key is None:
            return False
        entry = self._entries.find(self._key)
        if entry is None:
            return False
        await self._entries.copy(entry, self._task.workspace, "tree")
        self._task.log.note(f"the packages of this repository are cached here: {self._key}")
        return True

    async def add(self) -> None:
        """Cache what fetching has added to ``tree``."""
        if self._key is not None:
            await self._entries.add(self._key, self._task.workspace, "{}", "tree")


def _key(task: BuildTask, tools: Collection[Path]) -> str:
    """Return a hash of everything that determines what is fetched."""
    recipe = task.recipe
    committed_at = datetime.fromtimestamp(recipe.committed_at, UTC)
    inputs = {
        "repository": recipe.repository,
        "month": f"{committed_at:%Y-%m}",
        "steps": [(step.command, step.folder) for step in recipe.steps if step.network],
        "tools": sorted(_describe_tool(path) for path in tools),
        "files": task.build_inputs,
        "index": dict(task.tools.index),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:32]


def _describe_tool(path: Path) -> str:
    """Return what changes when a program is replaced by another version."""
    status = path.stat()
    return f"{path} {status.st_size} {status.st_mtime_ns}"


def fetch_inputs(entries: Iterable[Entry], recipe: Recipe, source: Path) -> str:
    """Return a hash of the files in a commit that determine what is fetched.

    Args:
        entries: all files of the commit.
        recipe: how it is tested.
        source: the folder with these files.
    """
    names = _FILES.get(recipe.runner, frozenset())
    digest = hashlib.sha256()
    for entry in entries:
        path = PurePosixPath(entry.path)
        is_read = path.name in names or not _NODE_FOLDERS.isdisjoint(path.parts[:-1])
        if not is_read or not entry.is_regular:
            continue
        digest.update(f"{entry.sha} {entry.path}\n".encode())
        if path.name == "package.json" and _copies_folders(source / path):
            digest.update(recipe.base_sha.encode())
    return digest.hexdigest()[:16]


def _copies_folders(path: Path) -> bool:
    """Whether package managers copy folders that a package.json names, which may then differ."""
    text = path.read_bytes()
    return any(mark in text for mark in _COPYING)
