"""Pages of runs: how long they take to make, and how large they are.

    python -m benchmarks.run_pages --out DIR [--steps 60] [--json OUT]

Two runs are real, with a scripted model: the demo's, and the same after enough steps of looking
around to make ``--steps``. Two are written into the store as the stages would: one that failed,
and one of four rounds. DIR gets a page of each, to be looked at. Goals: each page is made within
1 s and has less than 2 MB.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.arguments import make_parser
from benchmarks.report import report, show, write
from console.page.rendering import render_page
from console.runs.report import ReportReader
from pipeline.artifacts import Artifacts
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import EffectiveLimits
from pipeline.store.contract import RunRow
from pipeline.store.reader import StoreReader
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins import example_runs

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "examples/demo"
_FIX = (sys.executable, "-c", "from cli.main import run; run()", "fix")
_GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b")
_CEILING = EffectiveLimits(max_cost_usd=3.0, max_minutes=60.0, max_rounds=4)
_COLUMNS = ("run", "outcome", "rounds", "steps", "bytes", "seconds")


@dataclass(frozen=True)
class StoredRun:
    name: str
    store: StoreReader
    artifacts: Artifacts
    row: RunRow


@dataclass(frozen=True)
class PageRow:
    run: str
    outcome: str
    rounds: int
    steps: int
    bytes: int
    seconds: float
    """To read everything about the run and to make its page."""


def measure(runs: Sequence[StoredRun], out: Path) -> list[PageRow]:
    """Write the page of each run into ``out``. One page is made before, to load what all need."""
    rows: list[PageRow] = []
    make_page(runs[0])
    for run in runs:
        begin = time.perf_counter()
        page, steps = make_page(run)
        seconds = time.perf_counter() - begin
        (out / f"{run.name}.html").write_bytes(page)
        outcome = run.row.outcome or run.row.state
        rows.append(PageRow(run.name, outcome, run.row.round, steps, len(page), seconds))
    return rows


def make_page(run: StoredRun) -> tuple[bytes, int]:
    """Return the page and the number of the agent's steps."""
    reader = ReportReader(run.store, run.artifacts, str, _CEILING)
    everything = reader.read(run.row)
    return render_page(everything), len(everything.steps)


def all_runs(folder: Path, steps: int) -> Iterator[StoredRun]:
    demo_script = yaml.safe_load((DEMO / "replies.yaml").read_text(encoding="utf-8"))
    yield _run_demo("demo", folder, demo_script)
    before = [_looking_around(number) for number in range(steps - len(demo_script))]
    yield _run_demo(f"agent-{steps}-steps", folder, [*before, *demo_script])
    for name, record in (("failed", example_runs.failed), ("rounds", example_runs.four_rounds)):
        recorded = record(folder / name)
        yield StoredRun(name, recorded.store, recorded.artifacts, recorded.row)


def _looking_around(number: int) -> dict[str, Any]:
    command = f"sed -n '{number + 1},$p' hourglass/entries.py; grep -rn timedelta . | head -40"
    return {
        "times": 1,
        "reply": f"I look at part {number + 1} of the code.",
        "cost_usd": 0.004,
        "tool_calls": [{"name": "bash", "arguments": {"command": command}}],
    }


def _run_demo(name: str, folder: Path, script: list[dict[str, Any]]) -> StoredRun:
    """Run ``fix`` on the demo's sample with a scripted model."""
    home = folder / name
    repository = home / "sample"
    shutil.copytree(DEMO / "sample", repository)
    subprocess.run([*_GIT, "init", "--quiet", "--initial-branch=main"], cwd=repository, check=True)
    subprocess.run([*_GIT, "add", "--all"], cwd=repository, check=True)
    subprocess.run([*_GIT, "commit", "--quiet", "--message=first"], cwd=repository, check=True)
    replies = home / "replies.yaml"
    replies.write_text(yaml.safe_dump(script), encoding="utf-8")
    model = f"scripted:{replies}"
    subprocess.run(
        [*_FIX, "--repo", repository, "--issue-file", DEMO / "issue.md", "--model", model],
        env={
            **os.environ,
            "CODING_AGENT_DATA_DIR": str(home / "data"),
            # `make setup` has stored there what the sample's tests need.
            "UV_FIND_LINKS": str(ROOT / ".wheelhouse"),
            "UV_NO_INDEX": "1",
        },
        stdout=subprocess.DEVNULL,
        check=True,
    )
    store = SqliteStore(home / "data/store.sqlite")
    (row,) = store.runs()
    return StoredRun(name, store, FolderArtifacts(home / "data/artifacts"), row)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the pages")
    parser.add_argument("--steps", type=int, default=60, help="of the long run")
    parser.add_argument("--json", type=Path, help="write the results here")
    arguments: argparse.Namespace = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-pages-") as folder:
        rows = measure(list(all_runs(Path(folder), arguments.steps)), arguments.out)
    summary = {
        "pages": float(len(rows)),
        "most_seconds": max(row.seconds for row in rows),
        "most_bytes": float(max(row.bytes for row in rows)),
    }
    lines = [list(asdict(row).values()) for row in rows]
    show("pages of runs", _COLUMNS, lines, summary)
    write(report("run_pages", summary, [asdict(row) for row in rows]), arguments.json)


if __name__ == "__main__":
    main()
