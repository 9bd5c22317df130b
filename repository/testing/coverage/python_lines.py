"""Which changed lines of Python files run, recorded inside the sandbox by a ``sitecustomize``.

The record is written where the repository's tests can write, too: it is as believable as their own
results. It is bounded and parsed as text.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from repository.files import name_of
from repository.testing.coverage.contract import FOLDER, Target
from repository.testing.coverage.places import Place
from repository.testing.folders import Changes
from repository.testing.models import Recipe
from repository.testing.own_imports import with_own_imports
from repository.testing.run.pytest_files import CONFIG_FILES
from repository.testing.run.reports.files import read_report_file
from repository.testing.run.reports.results import UnreadableReport

_PROGRAM = Path(__file__).with_name("scripts") / "sitecustomize.py"
_RECORD = "record"
_READ_BY_RUNNERS = frozenset([*(name for name, _ in CONFIG_FILES), ".coveragerc"])
"""Files that pytest, or our call of it, opens itself: their opening shows nothing of the tests."""
_LINE = re.compile(r"([SLIR]) (\d{1,6})(?: (\d{1,7}))?")


class PythonLines:
    """A collector for runs of Python tests."""

    extensions: ClassVar[tuple[str, ...]] = (".py",)

    def __init__(self, targets: Sequence[Target], recipe: Recipe):
        self._paths = [target.path for target in targets]
        self._targets = targets

    def files(self) -> Changes:
        watched: dict[str, list[int]] = {}
        for target in self._targets:
            watched[target.path] = _watched_lines(target)
        return {
            f"{FOLDER}/sitecustomize.py": with_own_imports(_PROGRAM.read_text()).encode(),
            f"{FOLDER}/targets.json": json.dumps(watched).encode(),
        }

    def variables(self, tree: Path, current: Mapping[str, str]) -> dict[str, str]:
        folders = [str(tree / FOLDER), current.get("PYTHONPATH", "")]
        return {"PYTHONPATH": ":".join(folder for folder in folders if folder)}

    def read(self, tree: Path, tree_inside: Path) -> "PythonRun | None":
        try:
            record = read_report_file(tree / FOLDER, _RECORD)
        except UnreadableReport:
            return None
        run = PythonRun()
        for line in record.decode(errors="replace").splitlines():
            match = _LINE.fullmatch(line)
            if match is not None and int(match[2]) < len(self._paths):
                run.add(match[1], self._paths[int(match[2])], int(match[3] or 0))
        return run


def _watched_lines(target: Target) -> list[int]:
    """Return the lines to watch: all, if one place is the whole file; none of other files."""
    lines: set[int] = set()
    for place in target.places:
        lines.update(place.lines or range(1, target.content.count(b"\n") + 2))
    return sorted(lines)


@dataclass
class PythonRun:
    """What a run of the tests recorded."""

    lines: dict[str, set[int]] = field(default_factory=dict)
    loaded: set[str] = field(default_factory=set)
    """Files of which only the loading was seen, since the tests have a tracer of their own."""
    opened: set[str] = field(default_factory=set)

    def add(self, kind: str, path: str, line: int) -> None:
        if kind == "L":
            self.lines.setdefault(path, set()).add(line)
        elif kind == "I":
            self.loaded.add(path)
        elif kind == "R":
            self.opened.add(path)

    def covers(self, place: Place) -> bool:
        if place.path in self.loaded:
            return True
        lines = self.lines.get(place.path, set())
        return bool(lines & place.lines) if place.lines else bool(lines)

    def reads(self, path: str) -> bool:
        return path in self.opened and name_of(path) not in _READ_BY_RUNNERS
