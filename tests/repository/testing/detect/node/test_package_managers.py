"""Which package manager installs a package's dependencies, and in which version."""

import json
import subprocess
from pathlib import Path

import pytest

from repository.testing.detect.node.outside import install_without
from repository.testing.detect.node.package_json import parse_package
from repository.testing.detect.node.package_managers import install_command
from tests.repository.testing.detect.trees import tree_of


@pytest.mark.parametrize(
    ("files", "manager", "parts"),
    [
        ({}, "", ["npm install --ignore-scripts", "--before=$BEFORE", "the newest versions"]),
        ({"package-lock.json": ""}, "", ["npm ci --ignore-scripts", "--before=$BEFORE"]),
        ({"npm-shrinkwrap.json": ""}, "", ["npm ci --ignore-scripts"]),
        (
            {"pnpm-lock.yaml": "lockfileVersion: '9.0'\n"},
            "",
            ["pnpm@9 ", "--frozen-lockfile", "--ignore-pnpmfile"],
        ),
        ({"pnpm-lock.yaml": "lockfileVersion: 5.4\n"}, "", ["pnpm@7 "]),
        ({"pnpm-lock.yaml": "lockfileVersion: '6.0'\n"}, "pnpm@8.6.1+sha256.a", ["pnpm@8.6.1 "]),
        ({"pnpm-workspace.yaml": ""}, "", ["pnpm@9 ", "--no-frozen-lockfile"]),
        ({"yarn.lock": "# yarn lockfile v1\n"}, "", ["yarn@1 ", "--frozen-lockfile", "sed -i"]),
        ({"yarn.lock": "# yarn lockfile v1\n"}, "yarn@1.22.1", ["yarn@1 "]),
        ({"yarn.lock": "__metadata:\n  version: 6\n"}, "", ["cli-dist@3 ", "--immutable"]),
        ({"yarn.lock": "__metadata:\n  version: 8\n"}, "yarn@4.4.1", ["cli-dist@4.4.1 "]),
        (
            {"yarn.lock": "", ".yarnrc.yml": "yarnPath: .yarn/releases/yarn-3.2.1.cjs\n"},
            "",
            ["cli-dist@3.2.1 "],
        ),
    ],
)
def test_the_lock_file_chooses_the_package_manager(
    files: dict[str, str], manager: str, parts: list[str]
) -> None:
    for folder in ("", "web"):
        prefix = f"{folder}/" if folder else ""
        package = parse_package(json.dumps({"packageManager": manager}), folder)
        assert package is not None
        tree = tree_of({prefix + name: text for name, text in files.items()})
        command = install_command(tree, package)
        for part in parts:
            assert part in command
        assert "web" not in command, "a folder's name is never shell text"


def test_a_version_is_never_shell_text() -> None:
    package = parse_package('{"packageManager": "pnpm@9;id"}', "")
    assert package is not None
    assert ";id" not in install_command(tree_of({}), package)


def test_a_byte_order_mark_is_skipped_and_other_types_count_as_absent() -> None:
    package = parse_package('\ufeff{"scripts": {"test": 1}, "workspaces": 3, "exports": [1]}', "")
    assert package is not None
    assert not package.scripts
    assert parse_package("[]", "") is None


OUTSIDE = {
    "dependencies": {"a": "^1.0.0", "tool": "github:acme/tool#v1", "local": "file:../x"},
    "devDependencies": {
        "b": "acme/b",
        "c": "git+ssh://git@example.com/c.git",
        "d": "npm:e@1",
        "own": "workspace:*",
        "below": "./below/x",
        "url": "https://example.com/o'clock.tgz",
    },
}


def test_what_no_registry_has_is_left_out_if_it_cannot_be_installed(tmp_path: Path) -> None:
    package = json.dumps(OUTSIDE, indent=2)
    tree = tree_of({"web/package.json": package, "web/it's/package.json": package})
    members = [parse_package(package, folder) for folder in ("web", "web/it's")]
    packages = [member for member in members if member is not None]
    folder = tmp_path / "web"
    (folder / "it's").mkdir(parents=True)
    for path in ("package.json", "it's/package.json"):
        (folder / path).write_text(package)
    install = 'cat package.json "it\'s/package.json" > seen; false'
    text = install_without(tree, packages, install)
    assert text is not None
    result = subprocess.run(
        ["/bin/sh", "-c", text],
        check=False,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "KEPT": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1, "the installation's own status"
    assert "left out, since no registry has it: url (https://example.com/o'clock.tgz)" in (
        result.stdout
    )
    reduced = {
        "dependencies": {"a": "^1.0.0", "local": "file:../x"},
        "devDependencies": {"d": "npm:e@1", "own": "workspace:*", "below": "./below/x"},
    }
    seen = (folder / "seen").read_text().splitlines()
    assert [json.loads(line) for line in seen] == [reduced, reduced]
    for path in ("package.json", "it's/package.json"):
        assert (folder / path).read_text() == package


def test_packages_of_registries_alone_are_installed_as_they_are() -> None:
    package = parse_package('{"dependencies": {"a": "1"}}', "")
    assert package is not None
    assert install_without(tree_of({"package.json": "{}"}), [package], "npm install") is None
