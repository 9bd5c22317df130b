"""Which Rust files are compiled into the tests, from the files that rustc leaves beside them.

Which of their lines run is not known: stable toolchains can't be asked without LLVM's own tools. A
line of these files is ``OUTPUT: FILE FILE ...``
(https://doc.rust-lang.org/cargo/reference/build-cache.html#dep-info-files).
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from repository.testing.coverage.contract import Run, Target
from repository.testing.coverage.listing import read_all
from repository.testing.coverage.places import Place
from repository.testing.folders import Changes
from repository.testing.models import Recipe

_DEPENDENCIES = "target/debug/deps"


class RustFiles:
    """A collector for ``cargo test``."""

    extensions: ClassVar[tuple[str, ...]] = (".rs",)

    def __init__(self, targets: Sequence[Target], recipe: Recipe):
        self._folders = recipe.folders

    def files(self) -> Changes:
        return {}

    def variables(self, tree: Path, current: Mapping[str, str]) -> dict[str, str]:
        return {}

    def read(self, tree: Path, tree_inside: Path) -> Run | None:
        compiled: set[str] = set()
        for folder in self._folders:
            dependencies = f"{folder}/{_DEPENDENCIES}".removeprefix("/")
            for data in read_all(tree, dependencies, ".d"):
                compiled.update(_sources(data.decode(errors="replace"), tree_inside / folder))
        if not compiled:
            return None
        return _RustRun(frozenset(path.removeprefix(f"{tree_inside}/") for path in compiled))


def _sources(text: str, project: Path) -> Iterator[str]:
    """Yield the absolute paths of the files on the right; they may be relative to the project."""
    for line in text.splitlines():
        for name in line.partition(": ")[2].split():
            yield os.path.normpath(name if name.startswith("/") else f"{project}/{name}")


@dataclass(frozen=True)
class _RustRun:
    compiled: frozenset[str]

    def covers(self, place: Place) -> bool:
        return place.path in self.compiled

    def reads(self, path: str) -> bool:
        return path in self.compiled  # include_str! and its like
