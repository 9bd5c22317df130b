"""Cached environments: per repository, under a key made of all their inputs."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from repository.testing.install.cache import (
    CachedEnvironment,
    EnvironmentCache,
    Installation,
    environment_key,
)
from repository.testing.install.cache_entries import MAX_ENTRIES
from repository.testing.install.dates import month_end
from repository.testing.models import Recipe
from sandbox.unconfined import UnconfinedSandbox

COMMITTED_AT = 1_600_000_000
DAY = 86_400
RECIPE = Recipe(
    repository="octo/a",
    base_sha="1",
    committed_at=COMMITTED_AT,
    runner="pytest",
    python="3.9",
    packaged=True,
    requirements=("mock",),
)
PYTHON = Path("/p/python3.9")


def key(**changes: Any) -> str:
    return environment_key(RECIPE.model_copy(update=changes), PYTHON, {})


def test_commits_of_a_month_share_an_environment() -> None:
    later = COMMITTED_AT + 10 * DAY
    assert key(base_sha="2", committed_at=later, version="2") == key()


def test_every_input_of_an_environment_changes_its_key() -> None:
    keys = [
        key(),
        key(committed_at=COMMITTED_AT + 40 * DAY),
        key(repository="octo/b"),
        key(requirements=("nose",)),
        environment_key(RECIPE, Path("/q/python3.9"), {}),
        environment_key(RECIPE, PYTHON, {"UV_DEFAULT_INDEX": "x"}),
    ]
    assert len(set(keys)) == len(keys)


def test_packages_are_dated_at_the_months_end() -> None:
    assert month_end(COMMITTED_AT).isoformat() == "2020-10-01T00:00:00+00:00"
    last_second_of_the_year = 1_609_459_199
    assert month_end(last_second_of_the_year).isoformat() == "2021-01-01T00:00:00+00:00"


@pytest.fixture
def cache(tmp_path: Path) -> EnvironmentCache:
    return EnvironmentCache.of(UnconfinedSandbox(), tmp_path / "cache", "octo/a")


INSTALLATION = Installation(install_mode="copied", version="1", rebuilds=False, failure="")
ENVIRONMENT = CachedEnvironment(requirements=("mock", "nose"), installation=INSTALLATION)


def workspace(folder: Path, tool: str = "") -> Path:
    """A workspace after the installation, which added a file to the tree."""
    for name in ("env/bin", "source/calc", "tree/calc"):
        (folder / name).mkdir(parents=True)
    (folder / "env/bin/tool").write_text(tool)
    (folder / "env/bin/python").symlink_to("/nowhere/python")
    for name in ("source", "tree"):
        (folder / name / "calc/__init__.py").touch()
    (folder / "tree/calc/fast module.so").write_text("compiled")
    (folder / "tree/calc/old.pyc").touch()
    return folder


def empty_workspace(folder: Path) -> Path:
    for name in ("env", "tree"):
        (folder / name).mkdir(parents=True)
    return folder


async def test_a_run_gets_a_copy_with_its_requirements(
    cache: EnvironmentCache, tmp_path: Path
) -> None:
    first = workspace(tmp_path / "first", "mine")
    (first / "env/bin/tool").chmod(0o700)
    await cache.add(first, "k", "i", ENVIRONMENT)
    cached = cache.entries.folder / "k-i/env/bin/tool"
    assert cached.stat().st_mode & 0o777 == 0o755, "the next run may have another user id"
    fresh = empty_workspace(tmp_path / "fresh")
    assert await cache.copy_to(fresh, "k", "i") == ENVIRONMENT
    assert (fresh / "env/bin/python").is_symlink()
    (fresh / "env/bin/tool").write_text("changed by a run")
    second = empty_workspace(tmp_path / "second")
    assert await cache.copy_to(second, "k", "i")
    assert (second / "env/bin/tool").read_text() == "mine"
    assert await cache.copy_to(second, "other", "i") is None


async def test_what_the_installation_added_to_the_tree_serves_the_same_build_files(
    cache: EnvironmentCache, tmp_path: Path
) -> None:
    await cache.add(workspace(tmp_path / "first"), "k", "i", ENVIRONMENT)
    same = empty_workspace(tmp_path / "same")
    await cache.copy_to(same, "k", "i")
    files = [path.name for path in (same / "tree").rglob("*") if path.is_file()]
    assert files == ["fast module.so"]


async def test_files_of_any_name_in_read_only_folders_are_kept(
    cache: EnvironmentCache, tmp_path: Path
) -> None:
    first = workspace(tmp_path / "first")
    modules = first / "tree/modules"
    modules.mkdir()
    names = {"-a", "b\nc", "d\\n"}
    for name in names:
        (modules / name).touch()
    modules.chmod(0o555)
    await cache.add(first, "k", "i", ENVIRONMENT)
    second = empty_workspace(tmp_path / "second")
    await cache.copy_to(second, "k", "i")
    assert {path.name for path in (second / "tree/modules").iterdir()} == names


async def test_nothing_is_left_of_what_cannot_be_copied(
    cache: EnvironmentCache, tmp_path: Path
) -> None:
    first = workspace(tmp_path / "first")
    shutil.rmtree(first / "source")
    with pytest.raises(OSError, match="could not be copied"):
        await cache.add(first, "k", "i", ENVIRONMENT)
    assert list(cache.entries.folder.iterdir()) == []


async def test_for_other_build_files_the_repository_is_installed_again(
    cache: EnvironmentCache, tmp_path: Path
) -> None:
    await cache.add(workspace(tmp_path / "first", "mine"), "k", "i", ENVIRONMENT)
    other = empty_workspace(tmp_path / "other")
    cached = await cache.copy_to(other, "k", "j")
    assert cached and cached.requirements == ("mock", "nose")
    assert cached.installation is None
    assert (other / "env/bin/tool").read_text() == "mine"
    assert not list((other / "tree").iterdir())


async def test_the_environment_of_the_first_run_stays(
    cache: EnvironmentCache, tmp_path: Path
) -> None:
    await cache.add(workspace(tmp_path / "one", "first"), "k", "i", ENVIRONMENT)
    await cache.add(workspace(tmp_path / "two", "second"), "k", "i", ENVIRONMENT)
    assert (cache.entries.folder / "k-i/env/bin/tool").read_text() == "first"


async def test_the_least_recently_used_environment_is_removed(
    cache: EnvironmentCache, tmp_path: Path
) -> None:
    for number in range(MAX_ENTRIES + 1):
        folder = workspace(tmp_path / f"env{number}")
        await cache.add(folder, f"k{number}", "i", ENVIRONMENT)
    names = {path.name for path in cache.entries.folder.iterdir()}
    assert names == {f"k{number}-i" for number in range(1, MAX_ENTRIES + 1)}
