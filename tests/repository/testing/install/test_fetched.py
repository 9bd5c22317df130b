"""What is fetched for a repository serves its next run, if the same files determine it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from repository.git import Entry
from repository.testing.command_log import CommandLog
from repository.testing.install.build_task import BuildTask
from repository.testing.install.fetched import fetch_inputs
from repository.testing.install.toolchains import build_with_tools
from repository.testing.install.tools import BuildTools
from repository.testing.models import BuildStep, Recipe
from sandbox.unconfined import UnconfinedSandbox

FETCH = BuildStep(
    command="mkdir node_modules; date +%N > node_modules/fetched; echo x >> go.sum", network=True
)
BUILD = BuildStep(command="date +%N > built", network=False)
RECIPE = Recipe(
    repository="octo/a",
    base_sha="1",
    committed_at=1_600_000_000,
    runner="go",
    tools=("sh",),
    steps=(FETCH, BUILD),
)


async def build(
    folder: Path, inputs: str = "i", *, go_sum: str = "a\n", **changes: Any
) -> Mapping[str, str]:
    """Build in a new workspace; return path -> text of the files made by the steps."""
    workspace = folder / f"workspace-{len(list(folder.iterdir()))}"
    (workspace / "source").mkdir(parents=True)
    (workspace / "source/go.sum").write_text(go_sum)
    tools = BuildTools(
        UnconfinedSandbox(), pythons=(), uv=Path("uv"), cache=folder / "cache", index={}
    )
    recipe = RECIPE.model_copy(update=changes)
    await build_with_tools(BuildTask(tools, workspace, recipe, CommandLog(), build_inputs=inputs))
    prepared = workspace / "prepared"
    return {
        name: (prepared / name).read_text() for name in ("node_modules/fetched", "built", "go.sum")
    }


async def test_another_run_takes_what_was_fetched_and_builds_again(tmp_path: Path) -> None:
    first = await build(tmp_path)
    second = await build(tmp_path, base_sha="2")
    assert second["node_modules/fetched"] == first["node_modules/fetched"]
    assert second["built"] != first["built"]
    assert second["go.sum"] == "a\nx\n", "a file that fetching completes is complete again"


@pytest.mark.parametrize(
    ("inputs", "changes"),
    [
        ("other files", {}),
        ("i", {"repository": "octo/b"}),
        ("i", {"committed_at": RECIPE.committed_at + 40 * 86_400}),
        ("i", {"steps": (FETCH.model_copy(update={"command": f"{FETCH.command};"}), BUILD)}),
        ("i", {"runner": "maven"}),
    ],
)
async def test_packages_are_fetched_again_if_anything_that_determines_them_changes(
    tmp_path: Path, inputs: str, changes: dict[str, Any]
) -> None:
    first = await build(tmp_path)
    second = await build(tmp_path, inputs, **changes)
    assert second["node_modules/fetched"] != first["node_modules/fetched"]


async def test_what_is_incomplete_is_not_kept(tmp_path: Path) -> None:
    optional = BuildStep(command="false", network=True, required=False)
    steps = (optional, FETCH, BUILD)
    first = await build(tmp_path, steps=steps)
    second = await build(tmp_path, steps=steps)
    assert second["node_modules/fetched"] != first["node_modules/fetched"]


def entry(path: str, sha: str = "a") -> Entry:
    return Entry(path=path, mode="100644", sha=sha, size=1)


def test_manifests_and_lock_files_determine_what_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text("{}")
    recipe = RECIPE.model_copy(update={"runner": "jest"})

    def inputs(*entries: Entry, **changes: Any) -> str:
        return fetch_inputs(entries, recipe.model_copy(update=changes), tmp_path)

    base = inputs(entry("package.json"), entry("src/index.js"))
    assert inputs(entry("package.json"), entry("src/index.js", "b"), base_sha="2") == base
    others = [
        inputs(entry("package.json", "b")),
        inputs(entry("package.json"), entry("web/yarn.lock")),
        inputs(entry("package.json"), entry(".yarn/patches/a.patch")),
    ]
    assert len({base, *others}) == 4
    (tmp_path / "package.json").write_text('{"dependencies": {"own": "file:../own"}}')
    copied = [inputs(entry("package.json"), base_sha=sha) for sha in "12"]
    assert copied[0] != copied[1], "a folder of the commit is copied"
