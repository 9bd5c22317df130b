"""Measure how often the tests of SWE-bench instances can be run here.

    python -m benchmarks.environments --instances FILE.jsonl --repos DIR \\
        [--jobs N] [--sample N] [--only ID,...] [--work DIR] [--json OUT]

An instance succeeds if its FAIL_TO_PASS tests are red before and green after the reference change.
DIR contains git repositories (bare or not, full history) named owner__name. For each instance, the
environment is prepared as in the pipeline, without configuration or a model, and the tests run on
the base commit and with the reference change. Tests that need a remote server always fail here;
they are counted separately, as ``needs_network``.
"""

import argparse
import asyncio
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.arguments import add_instances, make_parser
from benchmarks.evaluation import Judge, Tally
from benchmarks.instances import (
    Instance,
    read_instances,
    repository_of,
    sample_instances,
    select_instances,
)
from benchmarks.this_machine import load_build_tools
from repository.git import GitError, Mirror
from repository.testing.command_log import CommandLog
from repository.testing.environment import BuiltEnvironment, EnvironmentFailed
from repository.testing.install.build_task import BuildTask
from repository.testing.install.tools import BuildTools
from repository.testing.loading.base_tests import run_base_tests
from repository.testing.loading.preparation import Preparation
from repository.testing.models import Recipe
from repository.testing.plan import BaseCommit, TestPlan, plan_tests
from repository.testing.run.bed import TestBed

TEST_SECONDS = 300.0
"""Time limit of one test run."""
MIN_TEST_SECONDS = 30.0
ALL_SECONDS = 570.0
"""Time limit of an instance; two test runs share what the build leaves."""
MAX_REASON_CHARS = 400
NEEDS_NETWORK = "needs_network"
#: (class, pattern in the reason for a failure); the first match counts.
CLASSES = (
    (NEEDS_NETWORK, NEEDS_NETWORK),
    ("incomplete_repository", r"unable to read sha1|no such object"),
    ("no_interpreter", r"no interpreter|this machine has no"),
    ("no_tests_found", r"no test files|none of the test files"),
    ("missing_module", r"ModuleNotFoundError|ImportError|No module named"),
    ("too_slow", r"took longer|ended with 124|no time is left"),
    ("build", r"can't be installed|uv venv|Failed to build"),
    ("not_found", r"in no report"),
    ("still_red", r"FAIL_TO_PASS not passed"),
    ("not_red_before", r"passed before"),
)
_COLUMNS = {
    "instance": "instance_id",
    "runner": "runner",
    "Python": "python",
    "built": "built",
    "ran": "ran",
    "red to green": "red_to_green",
    "s": "seconds",
    "class": "class",
    "reason": "reason",
}


@dataclass
class Row:
    """An instance's result; ``reason`` is None if it succeeds."""

    instance_id: str
    repo: str
    built: bool = False
    ran: bool = False
    red_to_green: bool = False
    class_: str | None = None
    reason: str | None = None
    runner: str | None = None
    python: str | None = None
    build_seconds: float | None = None
    seconds: float = 0.0
    pass_to_pass: int | None = None
    pass_to_pass_ok: int | None = None

    def fields(self) -> dict[str, Any]:
        """Return the row's JSON fields, without those that were not measured."""
        fields = asdict(self)
        fields["class"] = fields.pop("class_")
        for name in ("build_seconds", "pass_to_pass", "pass_to_pass_ok"):
            if fields[name] is None:
                del fields[name]
        return fields

    def summary(self) -> str:
        outcome = "red to green" if self.red_to_green else f"{self.class_}: {self.reason}"
        return f"{self.instance_id} {self.seconds:.0f} s, {outcome}"

    def fail(self, reason: str) -> None:
        self.reason = " ".join(reason.split())[:MAX_REASON_CHARS]
        self.class_ = _classify(reason)


def _classify(reason: str) -> str:
    for name, pattern in CLASSES:
        if re.search(pattern, reason):
            return name
    return "other"


@dataclass
class Measurement:
    """Measures instances; mirrors, caches and logs are stored below ``work``."""

    repos: Path
    work: Path
    tools: BuildTools

    async def run(self, instances: list[Instance], lanes: int) -> list[Row]:
        """Measure all instances, ``lanes`` at once, and return their rows in order."""
        queue = iter(enumerate(instances))
        rows: dict[int, Row] = {}

        async def run_lane(waiting: Iterator[tuple[int, Instance]]) -> None:
            for number, instance in waiting:
                rows[number] = await self._measure(instance)
                done = f"[{len(rows)}/{len(instances)}]"
                print(done, rows[number].summary(), file=sys.stderr, flush=True)

        await asyncio.gather(*(run_lane(queue) for _ in range(lanes)))
        return [rows[number] for number in sorted(rows)]

    async def _measure(self, instance: Instance) -> Row:
        started = time.monotonic()
        row = Row(instance.instance_id, instance.repo)
        with tempfile.TemporaryDirectory(
            prefix="instance-", dir=self.work, ignore_cleanup_errors=True
        ) as name:
            folder = Path(name)
            mirror = repository_of(instance, self.repos, folder / "repository")
            trial = _Trial(instance, mirror, self.tools, folder / "workspace", self._logs(instance))
            try:
                reason = await trial.run(row)
            except (EnvironmentFailed, GitError, OSError) as error:
                reason = str(error)
        row.seconds = round(time.monotonic() - started, 1)
        if reason is not None:
            row.fail("; not built: ".join(filter(None, [reason, trial.build_failure])))
        return row

    def _logs(self, instance: Instance) -> Path:
        folder = self.work / "logs" / instance.instance_id
        folder.mkdir(parents=True, exist_ok=True)
        return folder


class _Trial:
    """One instance: its environment and its tests, before and after the reference change."""

    def __init__(
        self, instance: Instance, mirror: Mirror, tools: BuildTools, workspace: Path, logs: Path
    ):
        self._instance = instance
        self._mirror = mirror
        self._tools = tools
        self._workspace = workspace
        self._logs = logs
        self._judge = Judge(instance, mirror, tools.sandbox)
        self._started = time.monotonic()
        self.build_failure = ""
        """Why the repository's own package could not be built; empty if it was."""

    async def run(self, row: Row) -> str | None:
        """Measure the instance and fill the row.

        Returns:
            Why the instance fails, or None if it succeeds.
        """
        plan = plan_tests(
            self._mirror,
            self._base_commit(),
            self._tools.pythons,
            list(self._judge.changes_of(self._instance.patch)),
        )
        if plan.recipe is None:
            return plan.reason
        row.runner = plan.recipe.runner
        row.python = plan.recipe.python
        recipe = await self._prepare(plan, plan.recipe, row)
        row.built = not self.build_failure
        row.runner = recipe.runner
        row.python = recipe.python
        bed = self._open_bed(recipe, self._seconds_left / 2)
        before = await self._judge.run({}, bed, "before")
        bed = self._open_bed(recipe, self._seconds_left)
        after = await self._judge.run(self._judge.changes_of(self._instance.patch), bed, "after")
        row.ran = after.ran
        if not after.resolves_failing:
            return self._why_red(after)
        row.red_to_green = any(status != "passed" for status in before.fail_to_pass.values())
        row.pass_to_pass_ok = after.pass_to_pass_ok
        row.pass_to_pass = len(self._instance.pass_to_pass)
        return None if row.red_to_green else "all of FAIL_TO_PASS passed before the change"

    def _base_commit(self) -> BaseCommit:
        sha = self._instance.base_commit
        return BaseCommit(
            repository=self._instance.repo,
            sha=sha,
            committed_at=self._mirror.commit_time(sha),
            described=self._mirror.describe(sha),
        )

    async def _prepare(self, plan: TestPlan, recipe: Recipe, row: Row) -> Recipe:
        """Prepare the environment as the pipeline does; return the recipe of the best one."""
        self._workspace.mkdir()
        log = CommandLog()
        task = BuildTask(self._tools, self._workspace, recipe, log)
        preparation = Preparation(task, self._mirror, plan)
        tests = tuple(self._judge.test_files({}, recipe.patterns))
        try:
            recipe = await preparation.build(tests)
            row.build_seconds = round(time.monotonic() - self._started, 1)
            bed = self._open_bed(recipe, self._seconds_left / 3)
            base_run = await run_base_tests(preparation, bed, tests, _ignore_progress)
        finally:
            environment = BuiltEnvironment.read(self._workspace)
            self.build_failure = environment.failure if environment else ""
            self._write_log("environment.log", log.text)
        return base_run.bed.recipe

    def _why_red(self, after: Tally) -> str:
        explained = after.failing_for_network + after.fail_to_pass_ok
        if explained == len(self._instance.fail_to_pass):
            return f"{NEEDS_NETWORK}: {after.problem()}"
        return after.problem()

    @property
    def _seconds_left(self) -> float:
        return ALL_SECONDS - (time.monotonic() - self._started)

    def _open_bed(self, recipe: Recipe, seconds: float) -> TestBed:
        return TestBed.open(
            self._tools.sandbox,
            self._workspace,
            recipe,
            seconds=max(MIN_TEST_SECONDS, min(TEST_SECONDS, seconds)),
            save=self._save,
        )

    async def _save(self, name: str, data: bytes | str) -> str:
        self._write_log(name, data if isinstance(data, str) else data.decode(errors="replace"))
        return name

    def _write_log(self, name: str, text: str) -> None:
        (self._logs / name).write_text(text, encoding="utf-8")


def _ignore_progress(_: str) -> None:
    """An instance is reported at its end."""


def summary(rows: list[Row]) -> dict[str, float]:
    network = sum(row.class_ == NEEDS_NETWORK for row in rows)
    green = sum(row.red_to_green for row in rows)
    return {
        "instances": len(rows),
        "built": sum(row.built for row in rows),
        "ran": sum(row.ran for row in rows),
        "red_to_green": green,
        "share": green / len(rows),
        NEEDS_NETWORK: network,
        "share_without_network": green / max(1, len(rows) - network),
        "seconds_median": statistics.median(row.seconds for row in rows),
    }


def show(rows: list[dict[str, Any]], totals: dict[str, float]) -> None:
    lines = [[row[key] for key in _COLUMNS.values()] for row in rows]
    report.show("environments", tuple(_COLUMNS), lines, totals)
    classes = Counter(row["class"] for row in rows if row["class"])
    for name, count in classes.most_common():
        print(f"{name}: {count}")


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(__doc__)
    add_instances(parser)
    parser.add_argument("--only", help="instance ids, comma-separated")
    parser.add_argument(
        "--sample", type=int, help="sample about this many, proportionally by repository"
    )
    parser.add_argument("--jobs", type=int, default=1, help="number of instances to run at once")
    parser.add_argument(
        "--work", type=Path, help="keep logs and caches here (default: a temporary folder)"
    )
    parser.add_argument("--json", type=Path)
    return parser


def main() -> None:
    parser = _parser()
    arguments = parser.parse_args()
    available = select_instances(
        read_instances(arguments.instances), arguments.only, arguments.repos
    )
    instances = sample_instances(available, arguments.sample)
    if not instances:
        parser.error("no instances")
    with ExitStack() as stack:
        work = arguments.work
        if work is None:
            temporary = tempfile.TemporaryDirectory(prefix="environments-")
            work = Path(stack.enter_context(temporary))
        work.mkdir(parents=True, exist_ok=True)
        work = work.resolve()
        measurement = Measurement(arguments.repos, work, load_build_tools(work))
        rows = asyncio.run(measurement.run(instances, max(1, arguments.jobs)))
    fields = [row.fields() for row in rows]
    result = report.report("environments", summary(rows), fields)
    report.write(result, arguments.json)
    show(fields, result["summary"])


if __name__ == "__main__":
    main()
