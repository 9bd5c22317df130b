"""What lists of many runs cost: the process of ``jobs list``, and the calls to DynamoDB.

    python -m benchmarks.console_lists [--runs N] [--rounds R] [--json OUT]

With SQLite, whole processes are timed: ``jobs list``, ``jobs list --outcome failed`` (which finds
none, and so looks at every run), and the completion of an id in a shell. In each round a small
program that only reads the same rows and prints them runs as well: a ratio is the median of the CPU
time over that program's. With DynamoDB, against moto, the calls of each read are counted, in a
table with 100 runs and in one with N.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import report
from benchmarks.arguments import make_parser
from benchmarks.stored_runs import fill_dynamodb, fill_sqlite
from pipeline.store.dynamodb import DynamoStore
from pipeline.store.reader import StoreReader
from tests.stand_ins.moto import moto_client

LIMIT = 50
FEW_RUNS = 100
_COMMAND = [sys.executable, "-c", "from cli.main import run; run()"]
#: Reads the rows of a list, and prints the part that a list shows.
_BARE_PROGRAM = """
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
query = "SELECT data FROM items WHERE listing = 'run' ORDER BY listed_at DESC LIMIT 50"
for (text,) in connection.execute(query):
    run = json.loads(text)
    print(run["job_id"], run["repository"], run["outcome"], run["created_at"], sep="\\t")
"""


@dataclass(frozen=True)
class Timing:
    """One run of a program."""

    program: str
    seconds: float
    cpu_seconds: float
    lines: int


def programs(folder: Path) -> dict[str, list[str]]:
    """Return the programs that read the store in ``folder``, by name."""
    data_dir = ["--data-dir", str(folder)]
    return {
        "bare": [sys.executable, "-c", _BARE_PROGRAM, str(folder / "store.sqlite")],
        "list": [*_COMMAND, *data_dir, "jobs", "list"],
        "list without matches": [*_COMMAND, *data_dir, "jobs", "list", "--outcome", "failed"],
        "completion": _COMMAND,
    }


def run_program(name: str, command: list[str], folder: Path) -> Timing:
    environment = dict(os.environ)
    if name == "completion":
        environment["_CODING_AGENT_COMPLETE"] = "zsh_complete"
        environment["COMP_WORDS"] = f"coding-agent --data-dir {folder} jobs show "
        environment["COMP_CWORD"] = "5"
    before = os.times()
    started = time.perf_counter()
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - started
    after = os.times()
    cpu_seconds = after.children_user - before.children_user
    cpu_seconds += after.children_system - before.children_system
    return Timing(name, seconds, cpu_seconds, process.stdout.count("\n"))


def time_programs(runs: int, rounds: int) -> list[Timing]:
    with tempfile.TemporaryDirectory(prefix="console-lists-") as name:
        folder = Path(name)
        fill_sqlite(folder / "store.sqlite", runs)
        timings = []
        for number in range(rounds + 1):
            for program, command in programs(folder).items():
                timing = run_program(program, command, folder)
                if number > 0:  # the first round only warms the page cache
                    timings.append(timing)
    return timings


def count_calls(runs: int) -> dict[str, int]:
    """Return the calls to DynamoDB of each read of a table with this many runs."""
    client = moto_client("dynamodb")
    name = f"console-lists-{runs}"
    fill_dynamodb(client, name, runs)
    store = DynamoStore(name, client=client)
    newest = store.runs(limit=1)[0]
    number = int(newest.issue_url.rpartition("/")[2])
    reads: dict[str, Callable[[StoreReader], object]] = {
        "list": lambda reader: reader.runs(limit=LIMIT),
        "id": lambda reader: reader.jobs_beginning_with(newest.job_id[:8], limit=10),
        "issue": lambda reader: reader.runs_numbered(number, newest.repository),
    }
    calls: list[str] = []
    client.meta.events.register("before-call.dynamodb", lambda model, **_: calls.append(model.name))
    counts = {}
    for read, perform in reads.items():
        calls.clear()
        perform(store)
        counts[read] = len(calls)
    return counts


def summarise(timings: list[Timing], few: dict[str, int], many: dict[str, int]) -> dict[str, float]:
    by_program: dict[str, list[Timing]] = {}
    for timing in timings:
        by_program.setdefault(timing.program, []).append(timing)
    bare = by_program.pop("bare")
    summary: dict[str, float] = {}
    for program, own in by_program.items():
        name = program.replace(" ", "_")
        ratios = [
            timing.cpu_seconds / base.cpu_seconds for timing, base in zip(own, bare, strict=True)
        ]
        summary[f"{name}_seconds"] = statistics.median(timing.seconds for timing in own)
        summary[f"{name}_cpu_seconds"] = statistics.median(timing.cpu_seconds for timing in own)
        summary[f"{name}_ratio"] = statistics.median(ratios)
    for read, calls in many.items():
        summary[f"dynamodb_{read}_calls"] = calls
        summary[f"dynamodb_{read}_calls_of_{FEW_RUNS}"] = few[read]
    return summary


def main(arguments: list[str] | None = None) -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    timings = time_programs(options.runs, options.rounds)
    summary = summarise(timings, count_calls(FEW_RUNS), count_calls(options.runs))
    result = report.report("console_lists", summary, [asdict(timing) for timing in timings])
    lines = [list(asdict(timing).values()) for timing in timings]
    report.show("console_lists", ["program", "seconds", "cpu", "lines"], lines, summary)
    report.write(result, options.json)


if __name__ == "__main__":
    main()
