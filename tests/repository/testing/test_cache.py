"""Environments that are kept: for one repository, decided by all that matters, copied and never
shared.
"""

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

DAY = 86_400


def recipe(**more: Any) -> Recipe:
    given = {
        "repository": "octo/a",
        "base_sha": "1",
        "committed_at": 1_600_000_000,
        "version": None,
        "runner": "pytest",
        "python": "3.9",
        "packaged": True,
        "extras": (),
        "requirements": ("mock",),
        "source_root": "",
        "patterns": (),
    }
    return Recipe.model_validate(given | more)


def key(one: Recipe, python: str = "/p/python3.9", index: str = "") -> str:
    return environment_key(one, Path(python), {"UV_DEFAULT_INDEX": index})


def test_commits_of_a_month_share_an_environment_and_nothing_else_does() -> None:
    first = key(recipe())
    assert key(recipe(base_sha="2", committed_at=1_600_000_000 + 10 * DAY, version="2")) == first
    others = [
        recipe(committed_at=1_600_000_000 + 40 * DAY),
        recipe(repository="octo/b"),
        recipe(requirements=("nose",)),
    ]
    keys = {
        first,
        *map(key, others),
        key(recipe(), python="/q/python3.9"),
        key(recipe(), index="x"),
    }
    assert len(keys) == 6


def test_packages_are_as_of_the_end_of_the_commits_month() -> None:
    assert month_end(1_600_000_000).isoformat() == "2020-10-01T00:00:00+00:00"
    assert (
        month_end(1_609_459_199).isoformat() == "2021-01-01T00:00:00+00:00"
    )  # the year's last second


@pytest.fixture
def cache(tmp_path: Path) -> EnvironmentCache:
    return EnvironmentCache.of(UnconfinedSandbox(), tmp_path / "cache", "octo/a")


def environment(folder: Path, text: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/tool").write_text(text)
    (folder / "bin/python").symlink_to("/nowhere/python")
    return folder


async def test_what_is_kept_is_given_as_a_copy_with_what_was_tried(
    cache: EnvironmentCache, tmp_path: Path
) -> None:
    await cache.add("k", environment(tmp_path / "env", "mine"), ["mock", "nose"])
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    assert await cache.copy_to(fresh, "k") == ["mock", "nose"]
    assert (fresh / "bin/python").is_symlink()
    (fresh / "bin/tool").write_text("changed by a run")
    again = tmp_path / "again"
    again.mkdir()
    assert await cache.copy_to(again, "k") and (again / "bin/tool").read_text() == "mine"
    assert await cache.copy_to(again, "other") is None


async def test_the_first_of_two_runs_wins_and_the_longest_unused_goes(
    cache: EnvironmentCache, tmp_path: Path
) -> None:
    await cache.add("k", environment(tmp_path / "one", "first"), [])
    await cache.add("k", environment(tmp_path / "two", "second"), [])
    assert (cache.folder / "k/env/bin/tool").read_text() == "first"
    for number in range(MAX_ENVIRONMENTS):
        await cache.add(f"k{number}", environment(tmp_path / f"more{number}", ""), [])
    assert sorted(path.name for path in cache.folder.iterdir()) == [
        f"k{number}" for number in range(MAX_ENVIRONMENTS)
    ]
