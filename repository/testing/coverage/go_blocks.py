"""Which blocks of Go files the tests run, from the profile of ``go test -coverprofile``.

Each line of a profile is ``PACKAGE/FILE:LINE.COLUMN,LINE.COLUMN STATEMENTS COUNT``
(https://pkg.go.dev/golang.org/x/tools/cover#Profile); each package's tests add theirs.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from repository.testing.coverage.contract import FOLDER, Run, Target
from repository.testing.coverage.places import Place
from repository.testing.folders import Changes
from repository.testing.models import Recipe
from repository.testing.run.project_folders import deepest_folder
from repository.testing.run.reports.files import read_report_file
from repository.testing.run.reports.results import UnreadableReport

_PROFILE = "go.cover"
_BLOCK = re.compile(r"(.{1,1000}):(\d{1,7})\.\d{1,7},(\d{1,7})\.\d{1,7} \d{1,7} (\d{1,20})")
_MAX_BLOCKS = 50_000
"""Of one file; a profile with more is none of Go's."""
_Block = tuple[int, int]
"""First and last line."""


class GoBlocks:
    """A collector for ``go test``."""

    extensions: ClassVar[tuple[str, ...]] = (".go",)

    def __init__(self, targets: Sequence[Target], recipe: Recipe):
        self._targets = targets
        self._folders = recipe.folders

    def files(self) -> Changes:
        return {f"{FOLDER}/{_PROFILE}": b""}

    def variables(self, tree: Path, current: Mapping[str, str]) -> dict[str, str]:
        return {"GO_COVERAGE": str(tree / FOLDER / _PROFILE)}

    def read(self, tree: Path, tree_inside: Path) -> Run | None:
        try:
            profile = read_report_file(tree / FOLDER, _PROFILE)
        except UnreadableReport:
            return None
        blocks: dict[str, dict[_Block, bool]] = {}
        for line in profile.decode(errors="replace").splitlines():
            match = _BLOCK.fullmatch(line)
            if match is not None:
                block = int(match[2]), int(match[3])
                of_file = blocks.setdefault(match[1], {})
                if block in of_file or len(of_file) < _MAX_BLOCKS:
                    of_file[block] = of_file.get(block, False) or int(match[4]) > 0
        if not blocks:
            return None
        return _GoRun({target.path: self._find(target.path, blocks) for target in self._targets})

    def _find(
        self, path: str, blocks: Mapping[str, Mapping[_Block, bool]]
    ) -> Mapping[_Block, bool]:
        """Return the blocks of a file, which the profile names by its package's import path."""
        folder = deepest_folder(self._folders, path) or ""
        relative = path.removeprefix(f"{folder}/") if folder else path
        names = [name for name in blocks if name.endswith(f"/{relative}")]
        # Of ``module/a.go`` and ``module/b/a.go``, the first is ``a.go``.
        return blocks[min(names, key=len)] if names else {}


@dataclass(frozen=True)
class _GoRun:
    blocks: Mapping[str, Mapping[_Block, bool]]
    """Path -> block -> whether it ran; no block for a file of which nothing was loaded."""

    def covers(self, place: Place) -> bool:
        blocks = self.blocks.get(place.path, {})
        if not blocks:
            return False
        around = [block for block in blocks if block[0] <= place.line <= block[1]]
        if not around:
            return True  # an import or a declaration, without code of its own
        return any(blocks[block] for block in _innermost(around))

    def reads(self, path: str) -> bool:
        return False


def _innermost(blocks: Sequence[_Block]) -> list[_Block]:
    """Return the shortest blocks: those that share a line with others come first in no order."""
    size = min(last - first for first, last in blocks)
    return [block for block in blocks if block[1] - block[0] == size]
