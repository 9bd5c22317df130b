"""What the sandboxes cost: on /bin/true, and on a real test suite (Python's own), each against the
plain command.

    python -m benchmarks.sandbox [--times 200] [--suites 3] [--json OUT]

The ways take turns, so that what else the machine does meets them alike; of a suite's runs the
shortest counts, since anything else only adds. Goals: ``uid_ms`` under 10 and ``bwrap_ms`` under 30
more than plain; ``uid_suite`` and ``bwrap_suite``, the shares of time that a suite takes longer,
within 0.03."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.report import report, show, write
from sandbox import NoIsolation, Sandbox, SandboxCommand
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy
from sandbox.uid.backend import UidSandbox

PYTHON = Path(sys.executable).resolve()
#: Parts of it that need no network, fork, use threads, sockets, files and the processor.
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


class Plain:
    """The command as it is: what the others are measured against."""

    name = "plain"

    async def seconds(self, command: SandboxCommand) -> float:
        started = time.monotonic()
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
        return time.monotonic() - started


class Sandboxed:
    def __init__(self, sandbox: Sandbox):
        self.name = sandbox.name
        self._sandbox = sandbox

    async def seconds(self, command: SandboxCommand) -> float:
        started = time.monotonic()
        done = await self._sandbox.run(command)
        if done.returncode != 0:
            raise SystemExit(f"{self.name}: {done.output[-2000:]}")
        return time.monotonic() - started


async def measure(ways: list[Plain | Sandboxed], times: int, suites: int) -> list[dict[str, Any]]:
    true: dict[str, list[float]] = {way.name: [] for way in ways}
    suite: dict[str, list[float]] = {way.name: [] for way in ways}
    for turn in range(times + 1):
        for way in ways:
            took = await way.seconds(SandboxCommand(("/bin/true",), cwd=Path("/")))
            true[way.name] += [took] if turn else []  # the first one is warming up
    for _ in range(suites):
        for way in ways:
            with tempfile.TemporaryDirectory(prefix="suite-") as folder:
                command = SandboxCommand(
                    (str(PYTHON), "-B", "-m", "test", *SUITE),
                    cwd=Path(folder),
                    writable=(Path(folder),),
                    readable=(PYTHON.parent.parent,),
                )
                suite[way.name].append(await way.seconds(command))
    return [
        {"way": way.name, "true": sorted(true[way.name]), "suite": suite[way.name]} for way in ways
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--times", type=int, default=200, help="how often /bin/true is run, each way"
    )
    parser.add_argument(
        "--suites", type=int, default=3, help="how often the suite is run, each way"
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    index = IndexProxy.configured({})
    ways: list[Plain | Sandboxed] = [Plain()]
    for make in (
        lambda: UidSandbox(Path("/run/coding-agent/sandbox.sock"), index),
        lambda: BwrapSandbox(index),
    ):
        try:
            ways.append(Sandboxed(make()))
        except NoIsolation as error:
            print(f"left out: {error}")
    rows = asyncio.run(measure(ways, arguments.times, arguments.suites))
    summary = {"plain_ms": median(rows[0]["true"]) * 1000}
    plain = rows[0]
    for row in rows[1:]:
        summary[f"{row['way']}_ms"] = (median(row["true"]) - median(plain["true"])) * 1000
        if row["suite"]:
            summary[f"{row['way']}_suite"] = min(row["suite"]) / min(plain["suite"]) - 1
    lines = [
        [
            row["way"],
            row["true"][0] * 1000,
            median(row["true"]) * 1000,
            min(row["suite"], default=None),
        ]
        for row in rows
    ]
    show(
        "Sandboxes", ["way", "true: least ms", "true: median ms", "suite: least s"], lines, summary
    )
    write(report("sandbox", summary, rows), arguments.json)


if __name__ == "__main__":
    main()
