"""How many replies of real models apply, and apply correctly: read, applied, compared with the
files as they should be.

    python -m benchmarks.edits --cases FILE.jsonl.gz ... [--repos DIR] [--results R.jsonl]
        [--without RUNG] [--json OUT]

A case that must apply is *correct* when exactly the expected files have the expected contents
(whitespace at line ends and blank lines at the end ignored), *wrong* when something else was
written, *refused* when nothing was. One that must not apply is *kept out*, or wrong. Cases without
a label are only counted. ``sent_back`` counts those that applied and do not parse any more: the
stage sends them back, here they count as applied. A rung of the ladder is credited with a case when
it is the most lenient that the case needed; ``--without RUNG`` leaves one out."""

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from benchmarks.arguments import make_parser
from benchmarks.edit_cases import Case, MissingContent, read_cases
from benchmarks.edit_floors import (
    FLOORS,
    POLICY,
    SYNTAX,
    Files,
    apply_floor,
    apply_to_case,
    only_rungs,
)
from benchmarks.report import report, show, write
from repository.edits.apply import AppliedEdits
from repository.edits.checks import check_conflict_markers
from repository.edits.locate import RUNGS
from repository.edits.model import EditFailed

_COUNTED = (
    "cases",
    "apply",
    "correct",
    "wrong",
    "refused",
    "reject",
    "kept_out",
    "unknown",
    "unknown_written",
    "sent_back",
)
_BY_RUNG = ("correct", "wrong", "unknown_written")


@dataclass(frozen=True)
class Result:
    """What the product makes of one reply."""

    files: Files
    """Path -> new text; empty where the reply is refused."""
    reason: str = ""
    rung: str = ""
    """The most lenient one that was needed."""
    parses: bool = True


@dataclass
class Tally:
    """Numbers of cases, by source and by rung."""

    sources: dict[str, Counter[str]] = field(default_factory=dict)
    rungs: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter() for name in RUNGS}
    )

    def add(self, case: Case, result: Result) -> None:
        """Count a case under its source, and under the rung that it needed."""
        source = self.sources.setdefault(case.source, Counter())
        verdict = judge(case, result.files)
        source.update(["cases", case.outcome])
        if verdict:
            source[verdict] += 1
        if not result.parses:
            source["sent_back"] += 1
        if verdict and result.rung:
            self.rungs[result.rung][verdict] += 1
        if case.outcome != "unknown":
            _count_floors(source, case)


def main() -> None:
    arguments, parser = _parse_arguments()
    rungs = [name for name in RUNGS if name not in arguments.without]
    tally = Tally()
    results = arguments.results.open("w", encoding="utf-8") if arguments.results else None
    try:
        for file in arguments.cases:
            for case in read_cases(file, arguments.repos):
                with only_rungs(rungs):
                    result = attempt(case)
                tally.add(case, result)
                if results:
                    _write_result(results, case, result)
    except (MissingContent, OSError, ValueError) as error:
        parser.error(str(error))
    finally:
        if results:
            results.close()
    _report(tally, arguments.json)


def _parse_arguments() -> tuple[argparse.Namespace, argparse.ArgumentParser]:
    parser = make_parser(__doc__)
    parser.add_argument("--cases", type=Path, nargs="+", required=True)
    parser.add_argument(
        "--repos",
        type=Path,
        help="a git repository per owner__name, where files.jsonl.gz is not there",
    )
    parser.add_argument(
        "--results", type=Path, help="one JSON object a case: id, status, files, reason"
    )
    parser.add_argument(
        "--without", action="append", default=[], choices=list(RUNGS), help="a rung to leave out"
    )
    parser.add_argument("--json", type=Path)
    return parser.parse_args(), parser


def attempt(case: Case) -> Result:
    """Apply a reply as the stage does; a result that does not parse counts here."""
    try:
        applied = apply_to_case(case)
        POLICY.check_change(case.before, applied.after)
    except EditFailed as error:
        return Result(files={}, reason=str(error))
    rung = _most_lenient_rung(applied)
    try:
        check_conflict_markers(case.before, applied.after)
        SYNTAX.check(case.before, applied.after)
    except EditFailed as error:
        return Result(applied.after, reason=str(error), rung=rung, parses=False)
    return Result(applied.after, rung=rung)


def judge(case: Case, files: Files) -> str:
    """Return correct, wrong, refused, kept_out or unknown_written.

    Nothing for an unknown case that wrote nothing.
    """
    if case.outcome == "unknown":
        return "unknown_written" if files else ""
    if not files:
        return "refused" if case.outcome == "apply" else "kept_out"
    if case.outcome != "apply" or case.after is None:
        return "wrong"
    return "correct" if _comparable(files) == _comparable(case.after) else "wrong"


def _most_lenient_rung(applied: AppliedEdits) -> str:
    used: set[str] = set()
    for placement in applied.placements:
        used.update(hunk.rung for hunk in placement.hunks)
    return next((name for name in reversed(RUNGS) if name in used), "")


def _count_floors(source: Counter[str], case: Case) -> None:
    for name in FLOORS:
        files = apply_floor(name, case)
        if files is not None:
            source[f"{name}: {judge(case, files)}"] += 1


def _comparable(files: Files) -> dict[str, list[str] | None]:
    """Return the lines of each file without whitespace at line ends and blank lines at the end."""
    return {path: None if text is None else _bare_lines(text) for path, text in files.items()}


def _bare_lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _report(tally: Tally, out: Path | None) -> None:
    total: Counter[str] = Counter()
    rows: list[dict[str, object]] = []
    lines: list[tuple[object, ...]] = []
    for name, numbers in tally.sources.items():
        total += numbers
        rows.append({"source": name, **_flat(numbers)})
        lines.append((name, *_columns(numbers)))
    lines.append(("all", *_columns(total)))
    rungs: list[tuple[object, ...]] = []
    for name, numbers in tally.rungs.items():
        rows.append({"rung": name, **numbers})
        rungs.append((name, *(numbers[verdict] for verdict in _BY_RUNG)))
    summary: dict[str, float] = dict(_flat(total))
    show("Replies that apply (floors: correct/wrong)", ("source", *_COUNTED, *FLOORS), lines, {})
    show("By the most lenient rung needed", ("rung", *_BY_RUNG), rungs, summary)
    write(report("edits", summary, rows), out)


def _flat(numbers: Mapping[str, int]) -> dict[str, int]:
    names = list(_COUNTED)
    for floor in FLOORS:
        names += [f"{floor}: correct", f"{floor}: wrong"]
    return {name: numbers.get(name, 0) for name in names}


def _columns(numbers: Counter[str]) -> list[object]:
    floors = [f"{numbers[f'{name}: correct']}/{numbers[f'{name}: wrong']}" for name in FLOORS]
    return [*(numbers[name] for name in _COUNTED), *floors]


def _write_result(out: TextIO, case: Case, result: Result) -> None:
    row = {
        "id": case.id,
        "status": "applied" if result.files else "rejected",
        "files": dict(result.files),
        "reason": result.reason,
    }
    out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
