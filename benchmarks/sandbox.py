"""What the sandboxes cost: on /bin/true, and on a real test suite (Python's own), each against the
plain command.

    python -m benchmarks.sandbox [--times 200] [--suites 3] [--json OUT]

The runners take turns, so that what else the machine does affects them alike. Of a suite's runs the
shortest counts, since anything else only adds to it. Goals: ``uid_ms`` under 10 and ``bwrap_ms``
under 30 more than plain; ``uid_suite`` and ``bwrap_suite``, the shares of time that a suite takes
longer, within 0.03.
"""

import asyncio
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Protocol

from benchmarks.arguments import make_parser
from benchmarks.report import report, show, write
from sandbox import NoIsolation, Sandbox, SandboxCommand
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy
from sandbox.uid.backend import UidSandbox

PYTHON = Path(sys.executable).resolve()
HELPER_SOCKET = Path("/run/coding-agent/sandbox.sock")
TRUE = SandboxCommand(("/bin/true",), cwd=Path("/"))
# Parts of it that need no network: they fork, and use threads, sockets, files and the processor.
SUITE = (
    "test_json",
    "test_email",
    "test_subprocess",
    "test_httplib",
    "test_ftplib",
    "test_sqlite3",
    "test_pathlib",
    "test_shutil",
    "test_zipfile",
    "test_sort",
)


class Runner(Protocol):
    name: str

    async def run(self, command: SandboxCommand) -> None: ...


class PlainRunner:
    """Runs the command as it is: what the others are measured against."""

    name = "plain"

    async def run(self, command: SandboxCommand) -> None:
        process = await asyncio.create_subprocess_exec(
            *command.argv,
            cwd=command.cwd,
            env={"PATH": "/usr/bin:/bin", "HOME": str(command.cwd)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise SystemExit(f"plain: {output.decode()[-2000:]}")


class SandboxRunner:
    def __init__(self, sandbox: Sandbox):
        self.name = sandbox.name
        self._sandbox = sandbox

    async def run(self, command: SandboxCommand) -> None:
        result = await self._sandbox.run(command)
        if result.returncode != 0:
            raise SystemExit(f"{self.name}: {result.output[-2000:]}")


@dataclass
class Measurement:
    """Seconds of each run."""

    way: str
    true: list[float] = field(default_factory=list)
    suite: list[float] = field(default_factory=list)


def make_runners() -> list[Runner]:
    """Return the plain runner first, then the sandboxes that work here."""
    index = IndexProxy.configured({})
    runners: list[Runner] = [PlainRunner()]
    for make_sandbox in (
        lambda: UidSandbox(HELPER_SOCKET, index),
        lambda: BwrapSandbox(index),
    ):
        try:
            runners.append(SandboxRunner(make_sandbox()))
        except NoIsolation as error:
            print(f"left out: {error}")
    return runners


async def measure(runners: list[Runner], times: int, suites: int) -> list[Measurement]:
    measurements = [Measurement(runner.name) for runner in runners]
    for runner in runners:
        await runner.run(TRUE)  # to warm up
    for _ in range(times):
        for runner, measurement in zip(runners, measurements, strict=True):
            measurement.true.append(await seconds_of(runner, TRUE))
    for _ in range(suites):
        for runner, measurement in zip(runners, measurements, strict=True):
            with tempfile.TemporaryDirectory(prefix="suite-") as folder:
                command = suite_command(Path(folder))
                measurement.suite.append(await seconds_of(runner, command))
    for measurement in measurements:
        measurement.true.sort()
    return measurements


def suite_command(folder: Path) -> SandboxCommand:
    return SandboxCommand(
        (str(PYTHON), "-B", "-m", "test", *SUITE),
        cwd=folder,
        writable=(folder,),
        readable=(PYTHON.parent.parent,),
    )


async def seconds_of(runner: Runner, command: SandboxCommand) -> float:
    started = time.monotonic()
    await runner.run(command)
    return time.monotonic() - started


def summarize(measurements: list[Measurement]) -> dict[str, float]:
    plain, *sandboxes = measurements
    summary = {"plain_ms": median(plain.true) * 1000}
    for sandbox in sandboxes:
        overhead = median(sandbox.true) - median(plain.true)
        summary[f"{sandbox.way}_ms"] = overhead * 1000
        if sandbox.suite:
            summary[f"{sandbox.way}_suite"] = min(sandbox.suite) / min(plain.suite) - 1
    return summary


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--times", type=int, default=200, help="runs of /bin/true, each way")
    parser.add_argument("--suites", type=int, default=3, help="runs of the suite, each way")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    runners = make_runners()
    measurements = asyncio.run(measure(runners, arguments.times, arguments.suites))
    summary = summarize(measurements)
    lines = []
    for measurement in measurements:
        least_ms = measurement.true[0] * 1000
        median_ms = median(measurement.true) * 1000
        lines.append([measurement.way, least_ms, median_ms, min(measurement.suite, default=None)])
    columns = ["way", "true: least ms", "true: median ms", "suite: least s"]
    show("Sandboxes", columns, lines, summary)
    rows = [asdict(measurement) for measurement in measurements]
    write(report("sandbox", summary, rows), arguments.json)


if __name__ == "__main__":
    main()
