"""Releases of the repository's own package in the index, and not a stranger's of that name."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict, ValidationError

from repository.testing.install.installer import UvInstaller
from repository.testing.models import Recipe

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
#: Of the lines of a release's modules, the share that a tree of the same package has at least.
_MIN_SHARED = 0.5
#: Fewer lines than these say nothing.
_MIN_LINES = 20


class Release(BaseModel):
    """What the index has under the repository's name: its metadata, compared with the tree."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    addresses: tuple[str, ...]
    """Home page and project URLs."""
    stated: tuple[str, ...]
    """Those of the addresses that the repository's packaging files have as well."""
    lines: int
    """The number of lines in its modules."""
    shared_lines: int
    """How many of them the tree's files of the same paths have."""

    @property
    def refusal(self) -> str:
        """Why a release that belongs to another project is not installed."""
        addresses = ", ".join(self.addresses[:3]) or "no address"
        return (
            f"the index has another project under the name {self.name}: its metadata"
            f" ({addresses[:200]}) don't name this repository, and its files differ; it is not"
            " installed"
        )

    def belongs_to(self, repository: str) -> bool:
        """Whether it is a release of this repository (``owner/name``).

        Its metadata name the repository, or share the package's own address with it. Of a fork, or
        where the owner was renamed, the files agree.
        """
        if any(_names(address, repository) for address in self.addresses):
            return True
        if any(_simplify(self.name) in _simplify(address) for address in self.stated):
            return True
        return self.lines >= _MIN_LINES and self.shared_lines >= _MIN_SHARED * self.lines


@dataclass(frozen=True)
class Candidate:
    """A release to ask the index for."""

    name: str
    arguments: tuple[str, ...]
    """What uv is asked for."""
    date: datetime
    """The date for packages."""


def release_candidates(installer: UvInstaller) -> Iterator[Candidate]:
    """Return the releases to ask for, best first.

    The compiled parts of the release that the tree announces fit it better than those of the one
    before.
    """
    recipe = installer.recipe
    announced = release_of(recipe.announced_version or recipe.version or "")
    first_date = installer.dates[0]
    for name in _possible_names(recipe):
        if announced:
            arguments = (installer.admit(name), f"{name}=={announced}")
            yield Candidate(name, arguments, first_date)
        for date in installer.dates:
            yield Candidate(name, (name,), date)


def _possible_names(recipe: Recipe) -> list[str]:
    """Return the package's name, which may be a guess, and the repository's on its forge."""
    names = [recipe.name]
    owner, _, name = recipe.repository.partition("/")
    if owner and "/" not in name:
        names.append(name)
    by_name: dict[str, str] = {}
    for name in names:
        if _NAME.fullmatch(name):
            by_name.setdefault(canonicalize_name(name), name)
    return list(by_name.values())


def release_of(version: str) -> str:
    """Return the release that a version leads to: 0.21 for 0.21.dev0; empty if it is none."""
    try:
        return Version(version).base_version
    except InvalidVersion:
        return ""


async def describe_release(
    installer: UvInstaller, date: datetime, arguments: tuple[str, ...]
) -> Release | None:
    """Unpack a release into a folder of its own, outside the path, and compare it with the tree.

    Returns:
        None if the index has none that can be installed without building it.
    """
    folder = installer.env / "release"
    options = ("--quiet", "--no-deps", "--no-build", "--target", str(folder))
    result = await installer.install(date, *options, *arguments)
    if result.returncode != 0:
        return None
    packages = installer.workspace / "tree" / installer.recipe.source_root
    result = await installer.run_script(
        "describe_release", str(folder), str(installer.project), str(packages)
    )
    last_line = result.output.strip().rpartition("\n")[2]
    try:
        return Release.model_validate_json(last_line)
    except ValidationError:
        return None


def _names(address: str, repository: str) -> bool:
    """Whether an address is a repository's page on a forge, or a page below it."""
    parts = _path_parts(address)
    own_parts = repository.lower().split("/")[-2:]
    return len(own_parts) == 2 and parts[:2] == own_parts


def _path_parts(address: str) -> Sequence[str]:
    try:
        path = urlsplit(address.strip().lower()).path
    except ValueError:
        return []
    parts = path.strip("/").split("/")
    return [part.removesuffix(".git") for part in parts]


def _simplify(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
