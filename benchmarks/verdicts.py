"""Compare the verdicts on changes of generated projects with what is known to be true of them.

    python -m benchmarks.verdicts --cases 100 --seed 1 [--only pytest,unittest] [--case N,...] \\
        [--jobs N] [--work DIR] [--json OUT]

Each case is a small project with a test suite, tests that mislead (flaky, with ids that change,
renamed, deleted, of the same name, slow, crashing), and a change of which is known whether it
fixes, breaks or proves anything. It goes through the plan, the environment, the test bed and the
decision of the service, in the real sandbox, without a model. A case depends only on its number,
the seed and the runners.

``wrong_...`` counts verdicts that are not true. ``missed_...`` counts those that are true but say
less than the tests show: for red_to_green and suite_passes, a proof that was not seen; for no_fix,
a broken change that was proposed as not verified.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.arguments import make_parser
from benchmarks.this_machine import load_build_tools
from benchmarks.verdict_cases import Case, make_case
from benchmarks.verdict_judge import Answer, CaseJudge
from benchmarks.verdict_projects import Language
from benchmarks.verdict_python import Pytest, Unittest
from benchmarks.verdict_scenes import Word
from benchmarks.verdict_toolchains import JEST, NODE_TEST, Cargo, GoTest
from repository.testing.environment import EnvironmentFailed

LANGUAGES: tuple[Language, ...] = (Pytest(), Unittest(), NODE_TEST, GoTest(), Cargo(), JEST)
_SHARES = {"pytest": 5, "unittest": 4, "node:test": 3, "go": 2, "cargo": 2, "jest": 1}
"""Of how many cases, relative to the others; jest is the one whose packages are many."""
_COLUMNS = {
    "case": "case",
    "runner": "runner",
    "change": "change",
    "traps": "traps",
    "right": "best",
    "said": "word",
    "": "judgement",
    "s": "seconds",
    "reason": "reason",
}
_MAX_REASON_CHARS = 300


@dataclass(frozen=True)
class Row:
    """A case with the product's verdict on it."""

    case: int
    runner: str
    change: str
    traps: str
    best: str
    word: str
    judgement: str
    """``right``, ``wrong`` or ``missed``; ``failed`` if there is no verdict."""
    reason: str
    seconds: float


def make_row(case: Case, answer: Answer, seconds: float) -> Row:
    judgement = "right" if answer.word is case.truth.best else "missed"
    if not case.truth.allows(answer.word):
        judgement = "wrong"
    elif case.truth.best is Word.NOT_VERIFIED:
        judgement = "right"
    return _row(case, answer.word.value, judgement, answer.reason, seconds)


def _row(case: Case, word: str, judgement: str, reason: str, seconds: float) -> Row:
    return Row(
        case=case.number,
        runner=case.language.runner,
        change=case.change,
        traps=", ".join(case.traps),
        best=case.truth.best.value,
        word=word,
        judgement=judgement,
        reason=" ".join(reason.split())[:_MAX_REASON_CHARS],
        seconds=round(seconds, 1),
    )


def summary(rows: Sequence[Row]) -> dict[str, float]:
    """Count right, wrong and missed verdicts."""
    totals: dict[str, float] = {"cases": len(rows)}
    for word in (Word.RED_TO_GREEN, Word.SUITE_PASSES, Word.NO_FIX):
        name = word.value.replace(" ", "_")
        totals[f"wrong_{name}"] = _count(rows, "wrong", said=word)
    for word in (Word.RED_TO_GREEN, Word.SUITE_PASSES, Word.NO_FIX):
        name = word.value.replace(" ", "_")
        totals[f"right_{name}"] = _count(rows, "right", best=word)
        totals[f"missed_{name}"] = _count(rows, "missed", best=word)
    totals["right_not_verified"] = _count(rows, "right", best=Word.NOT_VERIFIED)
    totals["failed"] = _count(rows, "failed")
    totals["seconds_median"] = statistics.median(row.seconds for row in rows)
    return totals


def _count(
    rows: Sequence[Row], judgement: str, *, said: Word | None = None, best: Word | None = None
) -> int:
    count = 0
    for row in rows:
        if said is not None and row.word != said:
            continue
        if best is not None and row.best != best:
            continue
        count += row.judgement == judgement
    return count


async def measure(cases: Sequence[Case], judges: Sequence[CaseJudge]) -> list[Row]:
    """Measure cases, one at a time by each judge; rows are in the order of the cases."""
    rows: list[Row] = []
    queue = iter(cases)

    async def work(judge: CaseJudge) -> None:
        for case in queue:
            row = await _measure_case(case, judge)
            rows.append(row)
            progress = f"{len(rows)}/{len(cases)} {row.judgement}: {row.runner}, {row.change}"
            print(progress, file=sys.stderr, flush=True)

    await asyncio.gather(*(work(judge) for judge in judges))
    return sorted(rows, key=lambda row: row.case)


async def _measure_case(case: Case, judge: CaseJudge) -> Row:
    started = time.monotonic()
    try:
        answer = await judge.judge(case)
    except (EnvironmentFailed, OSError) as error:
        return _row(case, "", "failed", str(error), time.monotonic() - started)
    return make_row(case, answer, time.monotonic() - started)


def show(rows: Sequence[dict[str, Any]], totals: dict[str, float]) -> None:
    """Print the rows that are not right, and the totals."""
    lines = [[row[key] for key in _COLUMNS.values()] for row in rows if row["judgement"] != "right"]
    report.show("verdicts that are not the best ones", tuple(_COLUMNS), lines, totals)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(__doc__)
    parser.add_argument("--cases", type=int, default=100, help="number of cases (default: 100)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", help="only the cases of these numbers, comma-separated")
    parser.add_argument(
        "--only", help=f"runners, comma-separated: {', '.join(each.runner for each in LANGUAGES)}"
    )
    parser.add_argument("--jobs", type=int, default=2, help="number of cases to run at once")
    parser.add_argument(
        "--work", type=Path, help="keep repositories and logs here (default: a temporary folder)"
    )
    parser.add_argument("--json", type=Path)
    return parser


def _choose_languages(only: str | None, parser: argparse.ArgumentParser) -> list[Language]:
    if only is None:
        return [language for language in LANGUAGES for _ in range(_SHARES[language.runner])]
    by_runner = {language.runner: language for language in LANGUAGES}
    languages: list[Language] = []
    for runner in only.split(","):
        if runner not in by_runner:
            parser.error(f"--only: no runner {runner!r}; there are {', '.join(by_runner)}")
        languages.append(by_runner[runner])
    return languages


def main() -> None:
    parser = _parser()
    arguments = parser.parse_args()
    languages = _choose_languages(arguments.only, parser)
    numbers = list(range(arguments.cases))
    if arguments.case:
        numbers = [int(number) for number in arguments.case.split(",")]
    cases = [make_case(number, arguments.seed, languages) for number in numbers]
    with ExitStack() as stack:
        work = arguments.work
        if work is None:
            temporary = tempfile.TemporaryDirectory(prefix="verdicts-", ignore_cleanup_errors=True)
            work = Path(stack.enter_context(temporary))
        work.mkdir(parents=True, exist_ok=True)
        work = work.resolve()
        tools = load_build_tools(work)
        judges: list[CaseJudge] = []
        for number in range(max(1, arguments.jobs)):
            folder = work / f"job-{number}"
            folder.mkdir(exist_ok=True)
            judges.append(CaseJudge(tools, folder, arguments.seed))
        rows = asyncio.run(measure(cases, judges))
    fields = [asdict(row) for row in rows]
    result = report.report("verdicts", summary(rows), fields)
    report.write(result, arguments.json)
    show(fields, result["summary"])


if __name__ == "__main__":
    main()
