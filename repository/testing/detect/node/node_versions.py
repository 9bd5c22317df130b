"""Find the version of Node.js with which a repository's developers run its tests."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import join

from repository.testing.detect.blocks import read_lines
from repository.testing.detect.node.package_json import PackageJson
from repository.testing.detect.parsing import parse_toml, table
from repository.testing.detect.requirements import Source
from repository.testing.detect.tree import Tree

LTS = "lts"
CURRENT = "current"

_ROOT = ""
_NAMES = {"lts/*": LTS, "lts": LTS, "node": CURRENT, "latest": CURRENT, "current": CURRENT}
#: Code names of releases with long-term support; source: the schedule of github.com/nodejs/Release.
_CODE_NAMES = {
    "argon": "4",
    "boron": "6",
    "carbon": "8",
    "dubnium": "10",
    "erbium": "12",
    "fermium": "14",
    "gallium": "16",
    "hydrogen": "18",
    "iron": "20",
    "jod": "22",
    "krypton": "24",
}
_MAJOR = re.compile(r"v?(\d{1,2})(?:\.|-|$)")
_VERSION_FILES = (
    (".nvmrc", re.compile(r"\s*([\w./*-]{1,40})\s*(?:#.*)?$")),
    (".node-version", re.compile(r"\s*([\w./*-]{1,40})\s*$")),
    (".tool-versions", re.compile(r"\s*node(?:js)?\s+([\w./*-]{1,40})")),
)
"""(file of a version manager, a line of it that names the version)"""
_MISE_FILES = ("mise.toml", ".mise.toml")
_WORKFLOWS = (
    ".github/workflows/*.yml",
    ".github/workflows/*.yaml",
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    ".travis.yml",
    "azure-pipelines.yml",
)
_KEY = re.compile(r"(?:-\s*)?[\"']?(?:node|node_?js|node[-_]?versions?)[\"']?\s*:(.*)", re.I)
_BLOCK = re.compile(r"node|node_?js|node[-_]?versions?", re.I)
_WORD = re.compile(r"[\w./*-]+")
_IMAGE_FILES = (
    "Dockerfile",
    "Dockerfile.*",
    "*.Dockerfile",
    ".devcontainer/Dockerfile",
    ".devcontainer/devcontainer.json",
    ".devcontainer.json",
    ".gitlab-ci.yml",
    ".circleci/config.yml",
)
_IMAGE = re.compile(
    # The images of development containers have a version of their own before Node's: 1-22.
    r"\s*-?\s*\"?(?:FROM|image\"?:)\s[^#]{0,100}?\bnode:(?:\d{1,2}-(?=\d))?v?(\d{1,2})(?!\d)",
    re.I,
)
_COMPARATOR = re.compile(r"([<>=^~]{0,2})\s{0,4}v?(\d{1,3})(?:\.[\w.*+-]{0,40})?")
_MAX_RANGE = 300


@dataclass(frozen=True)
class NodeVersion:
    """A version of Node.js, and where it is named."""

    version: str
    """A major version such as ``22``, ``LTS`` or ``CURRENT``."""
    source: Source


def find_node_version(
    tree: Tree, packages: Mapping[str, PackageJson], folders: Sequence[str]
) -> NodeVersion | None:
    """Return the version that the first of these names; None if none does.

    The files of version managers, CI (of several versions, the lowest), images, and at last the
    lowest version that the package's users may have.

    Args:
        tree: the repository's files.
        packages: folder -> its package.json.
        folders: the folders of the tested packages; the root precedes them.
    """
    ordered = tuple(dict.fromkeys((_ROOT, *folders)))
    return next(_versions(tree, packages, ordered), None)


def _versions(
    tree: Tree, packages: Mapping[str, PackageJson], folders: Sequence[str]
) -> Iterator[NodeVersion]:
    for folder in folders:
        yield from _versions_of_managers(tree, folder)
    for folder in folders:
        if folder in packages:
            yield from _versions_of_tools(packages[folder])
    yield from _versions_of_workflows(tree)
    yield from _versions_of_images(tree)
    for folder in folders:
        if folder in packages:
            yield from _versions_of_engines(packages[folder])


def _versions_of_managers(tree: Tree, folder: str) -> Iterator[NodeVersion]:
    for name, pattern in _VERSION_FILES:
        path = join(folder, name)
        for number, line in tree.lines(path):
            match = pattern.match(line)
            version = read_version(match[1]) if match else None
            if version is not None:
                yield NodeVersion(version, Source(path, line=number))
    for name in _MISE_FILES:
        path = join(folder, name)
        stated = table(parse_toml(tree.text(path)), "tools").get("node")
        version = read_version(stated) if isinstance(stated, str) else None
        if version is not None:
            yield NodeVersion(version, Source(path, "[tools] node"))


def _versions_of_tools(package: PackageJson) -> Iterator[NodeVersion]:
    """Yield the version with which developers work on a package, by Volta or npm's own field."""
    for place, text in package.developers_node.items():
        version = _lowest_allowed(text)
        if version is not None:
            yield NodeVersion(version, Source(package.path, place))


def _versions_of_workflows(tree: Tree) -> Iterator[NodeVersion]:
    for path in tree.matching(_WORKFLOWS):
        versions: dict[str, int] = {}
        for line in read_lines(tree.text(path)):
            for word in _words_in_matrix(line.text, line.blocks):
                version = read_version(word)
                if version is not None:
                    versions.setdefault(version, line.number)
        majors = sorted((version for version in versions if version.isdigit()), key=int)
        for version in [*majors, *versions]:
            yield NodeVersion(version, Source(path, line=versions[version]))


def _words_in_matrix(text: str, blocks: Sequence[str]) -> list[str]:
    """Return the words of a line that lists versions of Node.js."""
    key = _KEY.fullmatch(text)
    if key is not None:
        listed = key[1]
    elif text.startswith("-") and blocks and _BLOCK.fullmatch(blocks[-1]):
        listed = text
    else:
        return []
    return [] if "${{" in listed else _WORD.findall(listed.partition(" #")[0])


def _versions_of_images(tree: Tree) -> Iterator[NodeVersion]:
    for path in tree.matching(_IMAGE_FILES):
        for number, line in tree.lines(path):
            match = _IMAGE.match(line)
            if match:
                yield NodeVersion(match[1], Source(path, line=number))


def _versions_of_engines(package: PackageJson) -> Iterator[NodeVersion]:
    version = _lowest_allowed(package.node_versions)
    if version is not None:
        yield NodeVersion(version, Source(package.path, '"engines"'))


def read_version(text: str) -> str | None:
    """Return the version that a word names: ``v22.1.0``, ``lts/jod``, ``node``; None for others."""
    word = text.strip("'\" ").lower()
    match = _MAJOR.match(word)
    if match:
        return match[1]
    return _NAMES.get(word) or _CODE_NAMES.get(word.removeprefix("lts/"))


def _lowest_allowed(versions: str) -> str | None:
    """Return the lowest major version in a range such as ``^18 || >=20.5``; None without any."""
    majors: list[int] = []
    for alternative in versions[:_MAX_RANGE].split("||"):
        for operator, major in _COMPARATOR.findall(alternative):
            if not operator.startswith("<"):
                majors.append(int(major))
                break
    return str(min(majors)) if majors else None
