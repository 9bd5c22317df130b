"""Which ranges of JavaScript files run, from V8's own coverage (NODE_V8_COVERAGE).

Each process leaves a file with the functions of each script that it loaded, and in each function
ranges of characters with counts; the innermost range counts
(https://nodejs.org/api/cli.html#node_v8_coveragedir). Of a file that a tool has transformed, such
as TypeScript, only the loading is known: its ranges are not those of the file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote

from repository.testing.coverage.contract import FOLDER, Run, Target
from repository.testing.coverage.listing import read_all
from repository.testing.coverage.places import Place
from repository.testing.folders import Changes
from repository.testing.models import Recipe
from repository.testing.run.reports.untrusted_json import (
    JsonObject,
    object_list_field,
    parse_object,
    text_field,
)

_V8 = f"{FOLDER}/v8"
_MAX_RANGES = 100_000
"""Of one file, in all processes."""
_Range = tuple[int, int]
"""Offsets of the first character and of the one after the last."""


class NodeRanges:
    """A collector for Node.js, whatever the runner."""

    extensions: ClassVar[tuple[str, ...]] = (
        ".js",
        ".mjs",
        ".cjs",
        ".jsx",
        ".ts",
        ".mts",
        ".cts",
        ".tsx",
        ".vue",
        ".svelte",
    )

    def __init__(self, targets: Sequence[Target], recipe: Recipe):
        self._targets = {target.path: target for target in targets}

    def files(self) -> Changes:
        return {}

    def variables(self, tree: Path, current: Mapping[str, str]) -> dict[str, str]:
        return {"NODE_V8_COVERAGE": str(tree / _V8)}

    def read(self, tree: Path, tree_inside: Path) -> Run | None:
        run = _NodeRun({path: _Source.of(target) for path, target in self._targets.items()})
        is_empty = True
        for data in read_all(tree, _V8, ".json"):
            is_empty = False
            document = parse_object(data.decode(errors="replace"))
            for script in object_list_field(document, "result"):
                self._add(script, f"file://{tree_inside}/", run)
        return None if is_empty else run

    def _add(self, script: JsonObject, prefix: str, run: "_NodeRun") -> None:
        url = unquote(text_field(script, "url").partition("?")[0])
        path = url.removeprefix(prefix)
        if path in self._targets:
            run.add(path, _ranges(script))


def _ranges(script: JsonObject) -> dict[_Range, bool]:
    ranges: dict[_Range, bool] = {}
    for function in object_list_field(script, "functions"):
        for item in object_list_field(function, "ranges"):
            start = item.get("startOffset")
            end = item.get("endOffset")
            count = item.get("count")
            if isinstance(start, int) and isinstance(end, int) and isinstance(count, int):
                ranges[start, end] = ranges.get((start, end), False) or count > 0
    return ranges


@dataclass(frozen=True)
class _Source:
    """A file's text by V8's measure: UTF-16 code units."""

    length: int
    starts: Mapping[int, int]
    """Line, from 1 -> offset of its first character that is not blank."""

    @classmethod
    def of(cls, target: Target) -> "_Source":
        starts: dict[int, int] = {}
        offset = 0
        text = target.content.decode(errors="replace")
        for number, line in enumerate(text.splitlines(keepends=True), start=1):
            starts[number] = offset + _units(line) - _units(line.lstrip())
            offset += _units(line)
        return cls(offset, starts)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", errors="replace")) // 2


@dataclass
class _NodeRun:
    sources: Mapping[str, _Source]
    loaded: set[str] = field(default_factory=set)
    """Files of which the ranges are not known."""
    ranges: dict[str, list[Mapping[_Range, bool]]] = field(default_factory=dict)
    """Path -> the ranges of each process that loaded it, until there are too many."""
    number: dict[str, int] = field(default_factory=dict)
    """Path -> the number of its ranges."""

    def add(self, path: str, ranges: Mapping[_Range, bool]) -> None:
        number = self.number.get(path, 0) + len(ranges)
        if number > _MAX_RANGES:
            return
        self.number[path] = number
        whole = (0, self.sources[path].length)
        if whole in ranges:
            self.ranges.setdefault(path, []).append(ranges)
        else:
            self.loaded.add(path)

    def covers(self, place: Place) -> bool:
        if place.path in self.loaded:
            return True
        offset = self.sources[place.path].starts.get(place.line, 0)
        processes = self.ranges.get(place.path, [])
        return any(_innermost(ranges, offset) for ranges in processes)

    def reads(self, path: str) -> bool:
        return False


def _innermost(ranges: Mapping[_Range, bool], offset: int) -> bool:
    """Whether the innermost range around a character ran."""
    around = [each for each in ranges if each[0] <= offset < each[1]]
    return bool(around) and ranges[min(around, key=lambda each: each[1] - each[0])]
