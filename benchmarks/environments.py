"""How often the tests of SWE-bench instances can be run here: environments built, FAIL_TO_PASS red,
then green.

    python -m benchmarks.environments --instances FILE.jsonl --repos DIR [--jobs N] [--sample N] [--only ID,...]
                                      [--work DIR] [--json OUT]

DIR holds a git repository (bare or not, full history) as owner__name. For each instance the
environment is made as the pipeline makes it, with no configuration and no model; its tests run on
the base commit, and with the reference change. Tests that need a server outside are red here
whatever is done: they are counted apart, as ``needs_network``."""

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.evaluation import Judge
from benchmarks.instances import (
    Instance,
    chosen,
    make_repository,
    read_instances,
    sampled,
    source_of,
)
from cli.wiring import python_folders, sandbox_for, uv_path
from pipeline import settings as config
from repository.git import GitError, Mirror
from repository.testing.environment import EnvironmentFailed
from repository.testing.models import Recipe
from repository.testing.run.bed import TestBed
from sandbox import Sandbox
from stages.checkout import Checkout
from stages.prepare_tests import PrepareTests

Row = dict[str, Any]
TEST_SECONDS = 300.0
ALL_SECONDS = 570.0
"""Of one run of the tests, and of an instance: two runs have what building leaves."""
NEEDS_NETWORK = "needs_network"
#: class -> what the failures, the runner's or the build's own words look like; the first that fits.
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


@dataclass
class Measured:
    repos: Path
    work: Path
    sandbox: Sandbox

    async def all(self, instances: list[Instance], lanes: int) -> list[Row]:
        queue = iter(enumerate(instances))
        rows = dict[int, Row]()

        async def lane(waiting: Iterator[tuple[int, Instance]]) -> None:
            for at, instance in waiting:
                with tempfile.TemporaryDirectory(
                    prefix="instance-", dir=self.work, ignore_cleanup_errors=True
                ) as this:
                    rows[at] = await self._one(instance, Path(this))
                row = rows[at]
                ended = (
                    "red to green" if row["red_to_green"] else f"{row['class']}: {row['reason']}"
                )
                told = (
                    f"[{len(rows)}/{len(instances)}] {row['instance_id']} {row['seconds']:.0f} s,"
                    f" {ended}"
                )
                print(told, file=sys.stderr, flush=True)

        await asyncio.gather(*(lane(queue) for _ in range(lanes)))
        return [rows[at] for at in sorted(rows)]

    async def _one(self, instance: Instance, this: Path) -> Row:
        started = time.monotonic()
        source = source_of(self.repos, instance.repo)
        assert source is not None
        mirror = make_repository(source, instance.base_commit, this / "repository")
        checkout = Checkout(
            repository=instance.repo,
            clone_url="",
            base_branch="main",
            base_sha=instance.base_commit,
            committed_at=mirror.commit_time(instance.base_commit),
            described=mirror.describe(instance.base_commit),
        )
        prepare = PrepareTests(
            OneMirror(mirror),
            self.sandbox,
            pythons=python_folders(config.load()),
            uv=uv_path(),
            cache=self.work / "cache",
        )
        row: Row = {
            "instance_id": instance.instance_id,
            "repo": instance.repo,
            "built": False,
            "ran": False,
        }
        row |= {
            "red_to_green": False,
            "class": None,
            "reason": None,
            "runner": None,
            "python": None,
        }
        try:
            reason = await self._tested(
                instance, Judge(instance, mirror, self.sandbox), prepare, checkout, this, row
            )
        except (EnvironmentFailed, GitError, OSError) as error:
            reason = str(error)
        row["seconds"] = round(time.monotonic() - started, 1)
        if reason is not None:
            kind = next((kind for kind, pattern in CLASSES if re.search(pattern, reason)), "other")
            row |= {"class": kind, "reason": " ".join(reason.split())[:400]}
        return row

    async def _tested(
        self,
        instance: Instance,
        judge: Judge,
        prepare: PrepareTests,
        checkout: Checkout,
        this: Path,
        row: Row,
    ) -> str | None:
        """Fills the row; the reason why red does not turn to green, None where it does."""
        workspace = this / "workspace"
        began = time.monotonic()
        workspace.mkdir()
        plan = await prepare.plan(checkout)
        log = list[str]()
        if plan.recipe is None:
            return plan.why
        row |= {"runner": plan.recipe.runner, "python": plan.recipe.python}
        try:
            await prepare.build(plan.recipe, workspace, log)
        finally:
            row["build_seconds"] = round(time.monotonic() - began, 1)
            self._keep(instance, "environment", "".join(log))
        row["built"] = True

        def left() -> float:
            return ALL_SECONDS - (time.monotonic() - began)

        for runner in plan.recipe.runners:
            recipe = plan.recipe.model_copy(update={"runner": runner})
            bed = self._bed(instance, workspace, recipe, left() / 2)
            before = await judge.run({}, bed, f"before-{runner}")
            if before.ran:
                break
        else:
            recipe = plan.recipe
        bed = self._bed(instance, workspace, recipe, left())
        after = await judge.run(judge.changes_of(instance.patch), bed, "after")
        row |= {"runner": recipe.runner, "ran": after.ran}
        if not after.resolves_failing:
            network = after.failing_for_network + after.fail_to_pass_ok == len(
                instance.fail_to_pass
            )
            return f"{NEEDS_NETWORK}: {after.problem()}" if network else after.problem()
        red = [test for test, status in before.fail_to_pass.items() if status != "passed"]
        row["red_to_green"] = bool(red)
        row["pass_to_pass_ok"] = after.pass_to_pass_ok
        row["pass_to_pass"] = len(instance.pass_to_pass)
        return None if red else "all of FAIL_TO_PASS passed before the change"

    def _bed(self, instance: Instance, workspace: Path, recipe: Recipe, seconds: float) -> TestBed:
        async def save(name: str, data: bytes | str) -> str:
            text = data if isinstance(data, str) else data.decode(errors="replace")
            self._keep(instance, name.removesuffix(".log"), text)
            return name

        return TestBed.open(
            self.sandbox,
            workspace,
            recipe,
            seconds=max(30.0, min(TEST_SECONDS, seconds)),
            save=save,
        )

    def _keep(self, instance: Instance, name: str, text: str) -> None:
        folder = self.work / "logs" / instance.instance_id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.log").write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class OneMirror:
    """``Mirrors`` with one repository."""

    mirror: Mirror

    def at(self, repository: str) -> Mirror:
        return self.mirror


def summary(rows: list[Row]) -> dict[str, float]:
    network = sum(row["class"] == NEEDS_NETWORK for row in rows)
    green = sum(row["red_to_green"] for row in rows)
    return {
        "instances": len(rows),
        "built": sum(row["built"] for row in rows),
        "ran": sum(row["ran"] for row in rows),
        "red_to_green": green,
        "share": green / len(rows),
        NEEDS_NETWORK: network,
        "share_without_network": green / max(1, len(rows) - network),
        "seconds_median": statistics.median(row["seconds"] for row in rows),
    }


def show(rows: list[Row], told: dict[str, float]) -> None:
    columns = ("instance", "runner", "Python", "built", "ran", "red to green", "s", "class", "why")
    keys = (
        "instance_id",
        "runner",
        "python",
        "built",
        "ran",
        "red_to_green",
        "seconds",
        "class",
        "reason",
    )
    report.show("environments", columns, [[row[key] for key in keys] for row in rows], told)
    for kind, count in Counter(row["class"] for row in rows if row["class"]).most_common():
        print(f"{kind}: {count}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--instances",
        type=Path,
        required=True,
        help="one JSON object a line, as SWE-bench has them",
    )
    parser.add_argument("--repos", type=Path, required=True)
    parser.add_argument("--only", help="instance ids, comma-separated")
    parser.add_argument(
        "--sample", type=int, help="so many instances, of each repository its share"
    )
    parser.add_argument("--jobs", type=int, default=1, help="instances at once")
    parser.add_argument(
        "--work", type=Path, help="keep logs and caches here; default: a folder that is removed"
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    instances = sampled(
        chosen(read_instances(arguments.instances), arguments.only, arguments.repos),
        arguments.sample,
    )
    if not instances:
        parser.error("no instances")
    sandbox = sandbox_for(config.load(), local=True)
    with ExitStack() as stack:
        work = arguments.work or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="environments-"))
        )
        work.mkdir(parents=True, exist_ok=True)
        rows = asyncio.run(
            Measured(arguments.repos, work.resolve(), sandbox).all(
                instances, max(1, arguments.jobs)
            )
        )
    told = report.report("environments", summary(rows), rows)
    report.write(told, arguments.json)
    show(rows, told["summary"])


if __name__ == "__main__":
    main()
