"""Cached environments: per repository, under a key made of all their inputs."""

from pathlib import Path
from typing import Any

import pytest

from repository.testing.install.cache import (
    MAX_ENVIRONMENTS,
    EnvironmentCache,
    environment_key,
)
from repository.testing.install.dates import month_end
from repository.testing.models import Recipe
from sandbox.unconfined import UnconfinedSandbox

COMMITTED_AT = 1_600_000_000
DAY = 86_400
RECIPE = Recipe(
    repository="octo/a",
    base_sha="1",
    committed_at=COMMITTED_AT,
    version=None,
    runner="pytest",
    python="3.9",
    packaged=True,
    extras=(),
    requirements=("mock",),
    source_root="",
    patterns=(),
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


def environment(folder: Path, text: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/tool").write_text(text)
    (folder / "bin/python").symlink_to("/nowhere/python")
    return folder


async def test_a_run_gets_a_copy_with_its_requirements(
    cache: EnvironmentCache, tmp_path: Path
) -> None:
    env = environment(tmp_path / "env", "mine")
    (env / "bin/tool").chmod(0o700)
    await cache.add("k", env, ["mock", "nose"])
    cached = cache.folder / "k/env/bin/tool"
    assert cached.stat().st_mode & 0o777 == 0o755, "the next run may have another user id"
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    assert await cache.copy_to(fresh, "k") == ["mock", "nose"]
    assert (fresh / "bin/python").is_symlink()
    (fresh / "bin/tool").write_text("changed by a run")
    second = tmp_path / "again"
    second.mkdir()
    assert await cache.copy_to(second, "k") and (second / "bin/tool").read_text() == "mine"
    assert await cache.copy_to(second, "other") is None


async def test_the_environment_of_the_first_run_stays(
    cache: EnvironmentCache, tmp_path: Path
) -> None:
    await cache.add("k", environment(tmp_path / "one", "first"), [])
    await cache.add("k", environment(tmp_path / "two", "second"), [])
    assert (cache.folder / "k/env/bin/tool").read_text() == "first"


async def test_the_least_recently_used_environment_is_removed(
    cache: EnvironmentCache, tmp_path: Path
) -> None:
    for number in range(MAX_ENVIRONMENTS + 1):
        await cache.add(f"k{number}", environment(tmp_path / f"env{number}", ""), [])
    names = {path.name for path in cache.folder.iterdir()}
    assert names == {f"k{number}" for number in range(1, MAX_ENVIRONMENTS + 1)}
