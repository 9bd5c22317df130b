"""What it costs to start a command: its process's CPU time against that of an empty Python program.

    python -m benchmarks.command_starts [--rounds R] [--json OUT]

The commands read next to nothing (a store with one run, empty queues on moto, frozen prompts), so
that most of their time is importing. A ratio is the median over the rounds, in each of which the
empty program runs as well. ``prompts golden`` prices its texts for a model of LiteLLM's list.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import report
from benchmarks.arguments import make_parser
from benchmarks.stored_runs import fill_sqlite
from tests.stand_ins.aws import moto_server

_COMMAND = [sys.executable, "-c", "from cli.main import run; run()"]
_EMPTY = "empty"
PROGRAMS = {
    _EMPTY: [sys.executable, "-c", "pass"],
    "help": [*_COMMAND, "--help"],
    "jobs list": [*_COMMAND, "jobs", "list"],
    "queue stats": [*_COMMAND, "queue", "stats"],
    "prompts golden": [*_COMMAND, "prompts", "golden", "--model", "openai/gpt-4o"],
    "doctor": [*_COMMAND, "doctor", "--offline"],
}
#: ``doctor`` ends with it here: there is no token.
_USAGE = 2


@dataclass(frozen=True)
class Start:
    """One run of a program."""

    program: str
    cpu_seconds: float
    ratio: float
    """To the empty program of the same round."""


def measure(rounds: int, environment: dict[str, str]) -> list[Start]:
    """Run every program once a round; a first round only fills the caches of files."""
    starts = []
    for number in range(rounds + 1):
        seconds = {}
        for program, command in PROGRAMS.items():
            seconds[program] = run_program(command, environment)
        if number == 0:
            continue
        for program, cpu_seconds in seconds.items():
            starts.append(Start(program, cpu_seconds, cpu_seconds / seconds[_EMPTY]))
    return starts


def run_program(command: list[str], environment: dict[str, str]) -> float:
    """Return the CPU seconds that a program took."""
    before = os.times()
    process = subprocess.run(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    after = os.times()
    if process.returncode not in (0, _USAGE):
        raise SystemExit(f"{command} failed: {process.stderr.decode(errors='replace')}")
    user = after.children_user - before.children_user
    system = after.children_system - before.children_system
    return user + system


def summarise(starts: list[Start]) -> dict[str, float]:
    summary = {}
    for program in PROGRAMS:
        own = [start for start in starts if start.program == program]
        name = program.replace(" ", "_")
        summary[f"{name}_cpu_seconds"] = statistics.median(start.cpu_seconds for start in own)
        summary[f"{name}_ratio"] = statistics.median(start.ratio for start in own)
    return summary


def main(arguments: list[str] | None = None) -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="command-starts-") as name, moto_server() as aws:
        fill_sqlite(Path(name) / "store.sqlite", 1)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": name,
            "CODING_AGENT_DATA_DIR": name,
            "CODING_AGENT_QUEUE_URL": aws.make_queue().url,
            **aws.environment,
        }
        starts = measure(options.rounds, environment)
    summary = summarise(starts)
    rows = [asdict(start) for start in starts]
    lines = [list(row.values()) for row in rows]
    report.show("command_starts", ["program", "cpu", "ratio"], lines, summary)
    report.write(report.report("command_starts", summary, rows), options.json)


if __name__ == "__main__":
    main()
