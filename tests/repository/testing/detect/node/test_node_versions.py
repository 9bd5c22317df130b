"""Which version of Node.js a repository asks for, and what its names meant at a time."""

import json
from datetime import UTC, datetime

import pytest

from repository.testing.detect.node.node_program import major_version
from repository.testing.detect.node.node_versions import CURRENT, LTS, find_node_version
from repository.testing.detect.node.workspaces import read_packages
from tests.repository.testing.detect.trees import tree_of

WORKFLOW = ".github/workflows/test.yml"


@pytest.mark.parametrize(
    ("files", "version", "source"),
    [
        ({".nvmrc": "# for nvm\nv22.11.0\n"}, "22", ".nvmrc:2"),
        ({".nvmrc": "lts/*"}, LTS, ".nvmrc:1"),
        ({".nvmrc": "lts/jod"}, "22", ".nvmrc:1"),
        ({".node-version": "node\n"}, CURRENT, ".node-version:1"),
        ({".tool-versions": "python 3.9\nnodejs 24.1.0\n"}, "24", ".tool-versions:2"),
        ({"mise.toml": '[tools]\nnode = "24"\n'}, "24", "mise.toml [tools] node"),
        ({WORKFLOW: "a:\n  with:\n    node-version: 'lts/*'\n"}, LTS, f"{WORKFLOW}:3"),
        ({WORKFLOW: "a:\n  node-version: [24, 22.x, lts/*]\n"}, "22", f"{WORKFLOW}:2"),
        ({WORKFLOW: "node:\n  - 24\n  - '22'  # lts\n"}, "22", f"{WORKFLOW}:3"),
        ({WORKFLOW: "a:\n  node-version: ${{ matrix.node-24 }}\n"}, None, ""),
        ({WORKFLOW: "jobs:\n  node:\n    steps:\n    - uses: a/b@v24\n"}, None, ""),
        ({"Dockerfile": "FROM node:22-alpine\n"}, "22", "Dockerfile:1"),
        ({".devcontainer.json": '"image": "x/typescript-node:1-22-bookworm"'}, "22", None),
        ({".nvmrc": "hello", "Dockerfile": "FROM x"}, None, ""),
    ],
)
def test_a_file_names_the_version(
    files: dict[str, str], version: str | None, source: str | None
) -> None:
    tree = tree_of({"package.json": "{}", **files})
    found = find_node_version(tree, read_packages(tree), [""])
    assert (found and found.version) == version
    if found is not None and source is not None:
        assert str(found.source) == source


@pytest.mark.parametrize(
    ("package", "version"),
    [
        ({"engines": {"node": ">=22.18 <25"}}, "22"),
        ({"engines": {"node": "^24.1.0 || >=20.5"}}, "20"),
        ({"engines": {"node": "< 25.3 >=22.1.0"}}, "22"),
        ({"engines": {"node": "<=25.3"}}, None),
        ({"engines": {"node": " " * 100_000 + "x"}}, None),
        ({"engines": {"node": "*"}}, None),
        ({"engines": {"node": "24.x"}}, "24"),
        ({"engines": {"node": ">= v22"}}, "22"),
        ({"engines": {"node": ">=18"}, "volta": {"node": "24.1.0"}}, "24"),
        ({"devEngines": {"runtime": {"name": "node", "version": ">=24.0.0"}}}, "24"),
        ({"devEngines": {"runtime": [{"name": "bun"}, {"name": "node", "version": "24"}]}}, "24"),
        ({"devEngines": {"runtime": 3}, "volta": [], "engines": {"node": 24}}, None),
    ],
)
def test_a_package_names_the_version(package: dict[str, object], version: str | None) -> None:
    tree = tree_of({"package.json": json.dumps(package)})
    found = find_node_version(tree, read_packages(tree), [""])
    assert (found and found.version) == version


def test_developers_versions_precede_those_of_ci_and_of_users() -> None:
    files = {
        "package.json": '{"engines": {"node": ">=18"}}',
        "web/package.json": "{}",
        "web/.nvmrc": "24",
        WORKFLOW: "node-version: 22",
    }
    tree = tree_of(files)
    packages = read_packages(tree)
    assert [
        found.version if (found := find_node_version(tree, packages, folders)) else None
        for folders in (["web"], [""])
    ] == ["24", "22"]


@pytest.mark.parametrize(
    ("day", "lts", "current"),
    [
        ("2024-03-01", 20, 21),
        ("2024-05-01", 20, 22),
        ("2024-11-01", 22, 23),
        ("2026-07-29", 24, 26),
        ("2010-01-01", 4, 4),
    ],
)
def test_a_name_means_the_release_of_its_time(day: str, lts: int, current: int) -> None:
    seconds = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
    assert major_version(LTS, seconds) == lts
    assert major_version(CURRENT, seconds) == current
    assert major_version("18", seconds) == 18
