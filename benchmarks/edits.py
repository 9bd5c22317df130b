"""How many replies of real models land, and land right: read, placed, compared with the files as
they should be.

    python -m benchmarks.edits --cases FILE.jsonl.gz ... [--repos DIR] [--results R.jsonl] [--json OUT]

A case that must apply is *correct* when exactly the expected files have the expected contents
(whitespace at line ends and blank lines at the end ignored), *wrong* when something else was
written, *refused* when nothing was. One that must not apply is *kept out*, or wrong. Cases without
a label are only counted. ``sent_back`` counts those that landed and do not parse any more: the
stage sends them back, here they count as landed. A rung of the ladder is credited with a case when
it is the laxest that the case needed; ``--without RUNG`` leaves one out."""

import argparse
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from benchmarks.edit_cases import Case, NoContent, read_cases
from benchmarks.edit_floors import FLOORS, floor
from benchmarks.report import report, show, write
from repository.config import EditRules
from repository.edits.apply import apply_edits
from repository.edits.checks import check
from repository.edits.locate import RUNGS
from repository.edits.model import EditFailed
from repository.edits.policy import EditPolicy
from repository.edits.readers import edits_of, read_reply

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


@dataclass(frozen=True)
class Tried:
    files: Mapping[str, str | None]
    reason: str
    rung: str
    sound: bool


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
    arguments = parser.parse_args()
    sources: dict[str, Counter[str]] = {}
    rungs: dict[str, Counter[str]] = {name: Counter() for name in RUNGS}
    results = arguments.results.open("w", encoding="utf-8") if arguments.results else None
    try:
        for file in arguments.cases:
            for case in read_cases(file, arguments.repos):
                told = attempt(case, arguments.without)
                count(sources.setdefault(case.source, Counter()), rungs, case, told)
                if results:
                    _result(results, case, told)
    except (NoContent, OSError, ValueError) as error:
        parser.error(str(error))
    finally:
        if results:
            results.close()
    total = sum(sources.values(), Counter())
    rows = [{"source": name, **_flat(numbers)} for name, numbers in sources.items()]
    rows += [{"rung": name, **numbers} for name, numbers in rungs.items()]
    summary: dict[str, float] = dict(_flat(total))
    lines = [(name, *_shown(numbers)) for name, numbers in [*sources.items(), ("all", total)]]
    show("Replies that land (floors: correct/wrong)", ("source", *_COUNTED, *FLOORS), lines, {})
    show(
        "By the laxest rung needed",
        ("rung", "correct", "wrong", "unknown_written"),
        [(name, n["correct"], n["wrong"], n["unknown_written"]) for name, n in rungs.items()],
        summary,
    )
    write(report("edits", summary, rows), arguments.json)


def attempt(case: Case, without: Collection[str] = ()) -> Tried:
    """What the stage makes of a reply, its checks of the result apart."""
    policy = EditPolicy(EditRules())
    try:
        edits = edits_of(read_reply(case.reply))
        done = apply_edits(
            case.before.get, edits, case.before, refusal=policy.refusal, without=without
        )
        policy.check(case.before, done.files)
    except EditFailed as error:
        return Tried({}, str(error), "", True)
    used = [
        name
        for name in RUNGS
        for step in done.steps
        if step.how.startswith(name) or f", {name} at" in step.how
    ]
    try:
        check(case.before, done.files)
    except EditFailed as error:
        return Tried(done.files, str(error), used[-1] if used else "", False)
    return Tried(done.files, "", used[-1] if used else "", True)


def count(
    source: Counter[str], rungs: Mapping[str, Counter[str]], case: Case, tried: Tried
) -> None:
    verdict = judged(case, tried.files)
    source.update(["cases", case.outcome, *([verdict] if verdict else [])])
    if not tried.sound:
        source["sent_back"] += 1
    if verdict and tried.rung:
        rungs[tried.rung][verdict] += 1
    for name in FLOORS:
        if case.outcome != "unknown" and (files := floor(name, case)) is not None:
            source[f"{name}: {judged(case, files)}"] += 1


def judged(case: Case, files: Mapping[str, str | None]) -> str:
    """correct, wrong, refused, kept_out, unknown_written, or nothing for an unknown case that wrote
    nothing.
    """
    if case.outcome == "unknown":
        return "unknown_written" if files else ""
    if not files:
        return "refused" if case.outcome == "apply" else "kept_out"
    expected = case.after if case.outcome == "apply" else None
    same = expected is not None and _plain(files) == _plain(expected)
    return "correct" if same else "wrong"


def _plain(files: Mapping[str, str | None]) -> dict[str, list[str] | None]:
    return {
        path: None if text is None else _lines(text.replace("\r\n", "\n").split("\n"))
        for path, text in files.items()
    }


def _lines(lines: Iterable[str]) -> list[str]:
    bare = [line.rstrip() for line in lines]
    while bare and not bare[-1]:
        bare.pop()
    return bare


def _flat(numbers: Counter[str]) -> dict[str, int]:
    names = [*_COUNTED, *(f"{name}: {what}" for name in FLOORS for what in ("correct", "wrong"))]
    return {name: numbers[name] for name in names}


def _shown(numbers: Counter[str]) -> list[object]:
    floors = [f"{numbers[f'{name}: correct']}/{numbers[f'{name}: wrong']}" for name in FLOORS]
    return [*(numbers[name] for name in _COUNTED), *floors]


def _result(out: TextIO, case: Case, tried: Tried) -> None:
    row: dict[str, Any] = {
        "id": case.id,
        "status": "applied" if tried.files else "rejected",
        "files": dict(tried.files),
        "reason": tried.reason,
    }
    out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
