"""Find the versions of build tools that a repository asks for: wrappers and toolchain files."""

import re
from posixpath import join

from repository.runners import Runner
from repository.testing.detect.parsing import parse_toml, table
from repository.testing.detect.tree import Tree

_DISTRIBUTION = re.compile(r"^distributionUrl\s*=.*-(\d[\w.]*?)-(?:bin|all)\.zip\s*$", re.M)
_VERSION = re.compile(r"[\w.-]{1,40}")


def find_tool_versions(tree: Tree, runner: Runner | None, folder: str) -> dict[str, str]:
    """Return program -> version for the project in ``folder``."""
    match runner:
        case "maven":
            return _wrapper(tree, "mvn", join(folder, ".mvn/wrapper/maven-wrapper.properties"))
        case "gradle":
            path = join(folder, "gradle/wrapper/gradle-wrapper.properties")
            return _wrapper(tree, "gradle", path)
        case "cargo":
            return _rust_channel(tree, folder)
        case _:
            return {}


def _wrapper(tree: Tree, program: str, path: str) -> dict[str, str]:
    match = _DISTRIBUTION.search(tree.text(path))
    return {program: match[1]} if match else {}


def _rust_channel(tree: Tree, folder: str) -> dict[str, str]:
    text = tree.text(join(folder, "rust-toolchain.toml"))
    older_text = tree.text(join(folder, "rust-toolchain"))
    channel = table(parse_toml(text or older_text), "toolchain").get("channel", older_text.strip())
    if isinstance(channel, str) and _VERSION.fullmatch(channel):
        return {"cargo": channel}
    return {}
