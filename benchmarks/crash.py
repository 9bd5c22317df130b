"""Kills workers at random moments on an unreliable AWS: is anything lost, done twice or paid twice?

    python -m benchmarks.crash --kills N --seed S [--jobs J] [--workers W] [--json OUT]
    python -m benchmarks.crash --stages real --faults N --seed S [--workers W] [--json OUT]

Real workers run small jobs against a strict stand-in for SQS and SNS that throttles, fails, loses
replies, delivers twice and forgets deletes. Leases last some seconds, and SQS's 12 hours are scaled
down to match. At the end the faults stop, the remaining jobs are finished, and every job is checked
against its plan.

With fake stages (see ``crash_fakes``), thousands of workers are killed, and a world counts the
effects. Before that, an agent's run is killed in its steps; see ``crash_agent``.

With the real stages (see ``crash_real``), GitHub fails as well: each effect of a run may be
refused, lose its reply, hang, or kill the worker that asked for it.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import crash_fakes, crash_real, report
from benchmarks.arguments import make_parser


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.stages == "fakes" and options.kills is None:
        parser.error("fake stages need --kills")
    if options.stages == "real" and options.faults is None:
        parser.error("real stages need --faults")
    folder = options.keep or Path(tempfile.mkdtemp(prefix="crash-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        result = _measure(options, folder)
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    columns = ["kind", "job", "what"]
    defects = [row for row in result["rows"] if "what" in row]
    lines = [[row[column] for column in columns] for row in defects]
    report.show(f"crash, seed {options.seed}", columns, lines, result["summary"])
    report.write(result, options.json)
    return 1 if defects else 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(__doc__)
    parser.add_argument("--stages", choices=["fakes", "real"], default="fakes")
    parser.add_argument("--kills", type=int, help="for fake stages: how many workers to kill")
    parser.add_argument("--faults", type=int, help="for real stages: how many faults, at least")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--jobs", type=int, help="for fake stages; default: as many as kills")
    parser.add_argument("--workers", type=int, help="default: 6 with fake stages, 4 with real ones")
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--keep", type=Path, help="a new folder in which to keep the store and the workers' logs"
    )
    return parser


def _measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    if options.stages == "real":
        return crash_real.measure(options.faults, options.seed, options.workers or 4, folder)
    jobs = options.jobs or options.kills
    return crash_fakes.measure(options.kills, options.seed, jobs, options.workers or 6, folder)


if __name__ == "__main__":
    sys.exit(main())
