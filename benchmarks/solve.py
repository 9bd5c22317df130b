"""How many SWE-bench instances the real pipeline resolves, and where the others are lost.

    python -m benchmarks.solve --instances FILE.jsonl --repos DIR --model oracle|scripted:FILE|replay:DIR|NAME
                               [--only ID,...] [--sample N] [--jobs N] [--work DIR] [--json OUT]

DIR holds a git repository (bare or not, full history) as owner__name. ``oracle`` answers with the reference change, and
where that is sent back, with its author's tests beside it: it measures everything but the model. DIR of replay: a
--work folder of an earlier invocation, or any with recorded exchanges. NAME is LiteLLM's. An instance is resolved when
all of FAIL_TO_PASS pass with the change, and none of PASS_TO_PASS fails, in the environment that the run made itself.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from benchmarks import report
from benchmarks.evaluation import Judge, JudgedTests, judged
from benchmarks.instances import (
    Instance,
    changes,
    chosen,
    make_repository,
    read_instances,
    sampled,
    source_of,
    texts,
)
from benchmarks.oracle import Oracle, as_reply
from cli import wiring
from pipeline import settings as config
from pipeline.engine.deps import EngineDeps, Progress
from pipeline.engine.engine import Engine
from pipeline.github.local import LocalForge, local_issue_url
from pipeline.job import FixIssueJob
from pipeline.outcome import RunResult
from pipeline.settings import Settings, SettingsError
from pipeline.stage import Pipeline
from pipeline.worker.one_job import run_job
from repository.git import Mirror

Row = dict[str, Any]
ORACLE = "oracle"


@dataclass
class Solver:
    repos: Path
    model: str
    work: Path
    """Mirrors and uv's caches are kept here, a folder a lane: two runs at once must not move one mirror's branch."""
    this: Path
    """Of this invocation: its store, artifacts and repositories."""
    templates: str | None = None
    """A folder of templates; default: what the settings say."""

    async def all(self, instances: list[Instance], lanes: int) -> list[Row]:
        queue = iter(enumerate(instances))
        rows = dict[int, Row]()

        async def lane(number: int, waiting: Iterator[tuple[int, Instance]]) -> None:
            for at, instance in waiting:
                rows[at] = await self._one(instance, self.work / f"lane-{number}")
                _say(f"[{len(rows)}/{len(instances)}] {_line(rows[at])}")

        await asyncio.gather(*(lane(number, queue) for number in range(lanes)))
        return [rows[at] for at in sorted(rows)]

    async def _one(self, instance: Instance, data_dir: Path) -> Row:
        started = time.monotonic()
        source = source_of(self.repos, instance.repo)
        assert source is not None
        name = instance.repo.rsplit("/", 1)[-1]
        repository = make_repository(
            source, instance.base_commit, self.this / "repositories" / instance.instance_id / name
        )
        oracle, unsaid = _oracle(instance, repository) if self.model == ORACLE else (None, [])
        forge = LocalForge(repository.folder, instance.title, instance.body)
        app = wiring.build(self._settings(data_dir), forge, host="file", model=oracle)
        judge = Judge(instance, repository, app.sandbox)
        last = ""

        def observe(told: Progress) -> None:
            nonlocal last
            last = told.stage or last

        stages: list[Any] = judged([step.stage for step in app.pipeline.steps], judge)
        pipeline = Pipeline(stages, admitted_after=app.pipeline.admitted_after)
        deps = EngineDeps(
            pipeline, app.store, app.artifacts, app.policy, app.settings.data_dir / "runs", observe
        )
        job = FixIssueJob(issue_url=local_issue_url(repository.folder, instance.problem_statement))
        try:
            event, _ = await run_job(
                job, app.store, Engine(deps), on_wait=lambda s, why: _say(f"waiting {s} s: {why}")
            )
        finally:
            app.store.close()
        assert isinstance(event.data, RunResult)
        return _row(instance, event.data, judge, last, unsaid, time.monotonic() - started)

    def _settings(self, data_dir: Path) -> Settings:
        """The environment's, but for the daily limits: a benchmark is one day's work of many runs."""
        chosen = config.load(
            {
                "data_dir": data_dir,
                "store": f"sqlite:///{self.this / 'store.sqlite'}",
                "model": self.model,
                "artifacts": str(self.this / "artifacts"),
                "templates": self.templates,
                "max_cost_usd_per_repository_day": 1e6,
                "max_cost_usd_per_day": 1e6,
            }
        )
        return chosen.model_copy(update={"queue_url": None, "topic_arn": None})


def _oracle(instance: Instance, repository: Mirror) -> tuple[Oracle, list[str]]:
    """The oracle, and what its first reply can't say of the reference."""
    base = instance.base_commit
    said = []
    for patch in (instance.patch, instance.patch + instance.test_patch):
        tree = repository.apply(base, patch.encode())
        paths = list(changes(repository, base, tree))
        said.append(as_reply(texts(repository, base, paths), texts(repository, tree, paths)))
    (reference, unsaid), (whole, _) = said
    return Oracle(reference, whole), unsaid


def _row(
    instance: Instance,
    result: RunResult,
    judge: Judge,
    last: str,
    unsaid: list[str],
    seconds: float,
) -> Row:
    tally = judge.candidate
    resolved = tally is not None and tally.resolved
    if resolved:
        lost_at = None
        reason = None
    elif tally is not None or judge.environment:
        lost_at, reason = judge.why_lost()
    else:
        lost_at = last
        reason = result.reason
        if judge.feedback is not None and last == JudgedTests.name:
            said = [line for line in judge.feedback.splitlines() if line.strip()]
            reason += f" {' '.join(said[1:2])}"
        if judge.reference is not None:
            seen = (
                "passes"
                if judge.reference.resolved
                else f"does not pass: {judge.reference.problem()}"
            )
            reason += f" [here the reference {seen}]"
    if unsaid and not resolved:
        reason = f"{reason} [blocks can't say: {'; '.join(unsaid)}]"
    shown = tally or judge.reference
    return {
        "instance_id": instance.instance_id,
        "repo": instance.repo,
        "outcome": result.outcome.value,
        "verification": result.verification.value if result.verification else None,
        "resolved": resolved,
        "lost_at": lost_at,
        "reason": " ".join(reason.split()) if reason else None,
        "rounds": result.rounds,
        "cost_usd": result.cost_usd,
        "seconds": round(seconds, 1),
        "fail_to_pass_ok": tally.fail_to_pass_ok if tally else 0,
        "fail_to_pass": len(instance.fail_to_pass),
        "pass_to_pass_ok": tally.pass_to_pass_ok if tally else 0,
        "pass_to_pass": len(instance.pass_to_pass),
        "model_patch": patch_of(result),
        "reference_resolves": judge.reference.resolved if judge.reference else resolved or None,
        "no_tests": len(instance.no_tests),
        "not_found": shown.not_found if shown else None,
        "network": shown.network if shown else None,
    }


def patch_of(result: RunResult) -> str | None:
    """The change as it would be pushed, or the best one there was; named as SWE-bench's predictions
    have it.
    """
    address = result.artifacts.get("patch")
    return Path(unquote(urlsplit(address).path)).read_text(errors="replace") if address else None


def summary(rows: list[Row]) -> dict[str, float]:
    resolved = sum(row["resolved"] for row in rows)
    return {
        "instances": len(rows),
        "resolved": resolved,
        "share": resolved / len(rows) if rows else 0.0,
        "cost_usd": sum(row["cost_usd"] for row in rows),
        "lost_to_environment": sum(
            (row["reason"] or "").startswith("environment:") for row in rows
        ),
        "verified": sum(row["verification"] in ("red to green", "suite passes") for row in rows),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
    }


def show(rows: list[Row], told: dict[str, float]) -> None:
    lines = []
    for row in rows:
        ids = [f"{row[f'{kind}_ok']}/{row[kind]}" for kind in ("fail_to_pass", "pass_to_pass")]
        ended = [row["outcome"], row["verification"], "yes" if row["resolved"] else "no"]
        lines.append(
            [
                row["instance_id"],
                *ended,
                *ids,
                row["rounds"],
                row["cost_usd"],
                row["seconds"],
                row["lost_at"],
                row["reason"],
            ]
        )
    columns = (
        "instance",
        "outcome",
        "verification",
        "resolved",
        "F2P",
        "P2P",
        "rounds",
        "$",
        "s",
        "lost at",
        "why",
    )
    report.show("solve", columns, lines, told)
    for repo in sorted({row["repo"] for row in rows}):
        of_repo = [row for row in rows if row["repo"] == repo]
        print(f"{repo}: {sum(row['resolved'] for row in of_repo)} of {len(of_repo)}")


def _line(row: Row) -> str:
    ended = "resolved" if row["resolved"] else f"lost at {row['lost_at']}: {row['reason']}"
    return (
        f"{row['instance_id']} {row['seconds']:.0f} s, {row['verification'] or row['outcome']},"
        f" {ended}"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


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
    parser.add_argument(
        "--model", required=True, help="oracle, scripted:FILE, replay:DIR or a LiteLLM name"
    )
    parser.add_argument("--only", help="instance ids, comma-separated")
    parser.add_argument(
        "--sample", type=int, help="so many instances, of each repository its share"
    )
    parser.add_argument("--jobs", type=int, default=1, help="instances at once")
    parser.add_argument(
        "--work",
        type=Path,
        help="keep stores, logs and caches here; default: a folder that is removed",
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    instances = chosen(read_instances(arguments.instances), arguments.only, arguments.repos)
    instances = sampled(instances, arguments.sample)
    if not instances:
        parser.error("no instances")
    with ExitStack() as stack:
        work = arguments.work or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="solve-"))
        )
        work.mkdir(parents=True, exist_ok=True)
        this = Path(tempfile.mkdtemp(prefix="run-", dir=work.resolve()))
        solver = Solver(arguments.repos, arguments.model, work.resolve(), this)
        try:
            rows = asyncio.run(solver.all(instances, max(1, arguments.jobs)))
        except SettingsError as error:
            parser.error(str(error))
    told = report.report("solve", summary(rows), rows)
    report.write(told, arguments.json)
    show(rows, told["summary"])


if __name__ == "__main__":
    main()
