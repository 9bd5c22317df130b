"""Measure how many SWE-bench instances the pipeline resolves, and where it loses the others.

    python -m benchmarks.solve --instances FILE.jsonl --repos DIR \\
        --model oracle|scripted:FILE|replay:DIR|NAME \\
        [--only ID,...] [--sample N] [--jobs N] [--work DIR] [--json OUT]

The DIR of --repos contains git repositories (bare or not, full history) named owner__name.
``oracle`` answers with the reference change and, if that is sent back, adds its author's tests: it
measures everything except the model. The DIR of ``replay`` is the --work folder of an earlier
invocation, or any folder with recorded exchanges. NAME is a LiteLLM model name. An instance is
resolved if, with the change, all of FAIL_TO_PASS pass and none of PASS_TO_PASS fails, in the
environment that the run built itself.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from benchmarks import report
from benchmarks.evaluation import Judge, JudgedTests, with_judges
from benchmarks.instances import (
    Instance,
    find_source,
    make_repository,
    read_changes,
    read_instances,
    read_texts,
    sample_instances,
    select_instances,
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

ORACLE = "oracle"
_UNLIMITED_USD = 1e6
_VERIFIED = ("red to green", "suite passes")


@dataclass(frozen=True)
class Row:
    """An instance's result."""

    instance_id: str
    repo: str
    outcome: str
    verification: str | None
    resolved: bool
    lost_at: str | None
    """The stage at which it was lost; None if it is resolved."""
    reason: str | None
    rounds: int
    cost_usd: float
    seconds: float
    fail_to_pass_ok: int
    fail_to_pass: int
    pass_to_pass_ok: int
    pass_to_pass: int
    model_patch: str | None
    """The change; the name is that in SWE-bench's predictions."""
    reference_resolves: bool | None
    """None if the reference was not tested."""
    no_tests: int
    not_found: int | None
    network: int | None

    def summary(self) -> str:
        ending = "resolved" if self.resolved else f"lost at {self.lost_at}: {self.reason}"
        verification = self.verification or self.outcome
        return f"{self.instance_id} {self.seconds:.0f} s, {verification}, {ending}"


@dataclass
class Run:
    """An instance's run and the observations of it."""

    instance: Instance
    result: RunResult
    judge: Judge
    last_stage: str
    inexpressible: list[str]
    """Parts of the reference that the oracle's blocks can't express."""
    seconds: float


@dataclass
class Solver:
    repos: Path
    model: str
    work: Path
    """Folder of mirrors and uv's caches, with one subfolder per lane: concurrent runs must not move
    the same mirror's branch."""
    folder: Path
    """Folder of this invocation's store, artifacts and repositories."""
    templates: str | None = None
    """A folder of templates; None for the one in the settings."""

    async def run(self, instances: list[Instance], lanes: int) -> list[Row]:
        """Run all instances, ``lanes`` at once, and return their rows in order."""
        queue = iter(enumerate(instances))
        rows: dict[int, Row] = {}

        async def run_lane(lane: int, waiting: Iterator[tuple[int, Instance]]) -> None:
            for number, instance in waiting:
                run = await self._solve(instance, self.work / f"lane-{lane}")
                rows[number] = _row(run)
                _report_progress(f"[{len(rows)}/{len(instances)}] {rows[number].summary()}")

        await asyncio.gather(*(run_lane(lane, queue) for lane in range(lanes)))
        return [rows[number] for number in sorted(rows)]

    async def _solve(self, instance: Instance, data_dir: Path) -> Run:
        started = time.monotonic()
        repository = self._make_repository(instance)
        oracle: Oracle | None = None
        inexpressible: list[str] = []
        if self.model == ORACLE:
            oracle, inexpressible = _make_oracle(instance, repository)
        forge = LocalForge(repository.folder, instance.title, instance.body)
        app = wiring.build(self._settings(data_dir), forge, host="file", model=oracle)
        judge = Judge(instance, repository, app.sandbox)
        observer = StageObserver()
        engine = Engine(_engine_deps(app, judge, observer))
        url = local_issue_url(repository.folder, instance.problem_statement)
        job = FixIssueJob(issue_url=url)
        try:
            event, _ = await run_job(job, app.store, engine, on_wait=_report_wait)
        finally:
            app.store.close()
        assert isinstance(event.data, RunResult)
        seconds = time.monotonic() - started
        return Run(instance, event.data, judge, observer.last_stage, inexpressible, seconds)

    def _make_repository(self, instance: Instance) -> Mirror:
        source = find_source(self.repos, instance.repo)
        assert source is not None
        name = instance.repo.rsplit("/", 1)[-1]
        folder = self.folder / "repositories" / instance.instance_id / name
        return make_repository(source, instance.base_commit, folder)

    def _settings(self, data_dir: Path) -> Settings:
        """Return the settings from the environment, without daily limits.

        A benchmark makes many runs in one day.
        """
        settings = config.load(
            {
                "data_dir": data_dir,
                "store": f"sqlite:///{self.folder / 'store.sqlite'}",
                "model": self.model,
                "artifacts": str(self.folder / "artifacts"),
                "templates": self.templates,
                "max_cost_usd_per_repository_day": _UNLIMITED_USD,
                "max_cost_usd_per_day": _UNLIMITED_USD,
            }
        )
        return settings.model_copy(update={"queue_url": None, "topic_arn": None})


class StageObserver:
    """Records the last stage that reported progress."""

    def __init__(self) -> None:
        self.last_stage = ""

    def observe(self, progress: Progress) -> None:
        if progress.stage:
            self.last_stage = progress.stage


def _engine_deps(app: wiring.App, judge: Judge, observer: StageObserver) -> EngineDeps:
    stages: list[Any] = with_judges([step.stage for step in app.pipeline.steps], judge)
    return EngineDeps(
        Pipeline(stages, admitted_after=app.pipeline.admitted_after),
        app.store,
        app.artifacts,
        app.policy,
        app.settings.data_dir / "runs",
        observer.observe,
    )


def _make_oracle(instance: Instance, repository: Mirror) -> tuple[Oracle, list[str]]:
    """Return the oracle and the parts of the reference that its first reply can't express."""
    reference, inexpressible = _reply_for(instance.patch, instance, repository)
    with_tests, _ = _reply_for(instance.patch + instance.test_patch, instance, repository)
    return Oracle(reference, with_tests), inexpressible


def _reply_for(patch: str, instance: Instance, repository: Mirror) -> tuple[str, list[str]]:
    base = instance.base_commit
    tree = repository.apply(base, patch.encode())
    paths = list(read_changes(repository, base, tree))
    return as_reply(read_texts(repository, base, paths), read_texts(repository, tree, paths))


def _row(run: Run) -> Row:
    result = run.result
    tally = run.judge.candidate
    reference = run.judge.reference
    resolved = tally is not None and tally.resolved
    lost_at: str | None = None
    reason: str | None = None
    if not resolved:
        lost_at, reason = _why_lost(run)
    reference_resolves: bool | None = None
    if reference is not None:
        reference_resolves = reference.resolved
    elif resolved:
        reference_resolves = True
    counted = tally or reference
    return Row(
        instance_id=run.instance.instance_id,
        repo=run.instance.repo,
        outcome=result.outcome.value,
        verification=result.verification.value if result.verification else None,
        resolved=resolved,
        lost_at=lost_at,
        reason=reason,
        rounds=result.rounds,
        cost_usd=result.cost_usd,
        seconds=round(run.seconds, 1),
        fail_to_pass_ok=tally.fail_to_pass_ok if tally else 0,
        fail_to_pass=len(run.instance.fail_to_pass),
        pass_to_pass_ok=tally.pass_to_pass_ok if tally else 0,
        pass_to_pass=len(run.instance.pass_to_pass),
        model_patch=patch_of(result),
        reference_resolves=reference_resolves,
        no_tests=len(run.instance.no_tests),
        not_found=counted.not_found if counted else None,
        network=counted.network if counted else None,
    )


def _why_lost(run: Run) -> tuple[str, str]:
    """Return the stage at which an instance was lost, and the reason in one line."""
    if run.judge.candidate is not None or run.judge.environment:
        lost_at, reason = run.judge.why_lost()
    else:
        lost_at = run.last_stage
        reason = _why_no_candidate(run)
    if run.inexpressible:
        reason += f" [blocks can't express: {'; '.join(run.inexpressible)}]"
    return lost_at, " ".join(reason.split())


def _why_no_candidate(run: Run) -> str:
    reason = run.result.reason
    if run.judge.feedback is not None and run.last_stage == JudgedTests.name:
        lines = [line for line in run.judge.feedback.splitlines() if line.strip()]
        reason += f" {' '.join(lines[1:2])}"
    reference = run.judge.reference
    if reference is not None:
        outcome = "passes" if reference.resolved else f"does not pass: {reference.problem()}"
        reason += f" [here the reference {outcome}]"
    return reason


def patch_of(result: RunResult) -> str | None:
    """Return the change as it would be pushed, or else the best candidate."""
    address = result.artifacts.get("patch")
    if address is None:
        return None
    return Path(unquote(urlsplit(address).path)).read_text(errors="replace")


def summary(rows: list[Row]) -> dict[str, float]:
    resolved = sum(row.resolved for row in rows)
    return {
        "instances": len(rows),
        "resolved": resolved,
        "share": resolved / len(rows) if rows else 0.0,
        "cost_usd": sum(row.cost_usd for row in rows),
        "lost_to_environment": sum((row.reason or "").startswith("environment:") for row in rows),
        "verified": sum(row.verification in _VERIFIED for row in rows),
        "seconds": round(sum(row.seconds for row in rows), 1),
    }


def show(rows: list[Row], totals: dict[str, float]) -> None:
    columns = {
        "instance": [row.instance_id for row in rows],
        "outcome": [row.outcome for row in rows],
        "verification": [row.verification for row in rows],
        "resolved": ["yes" if row.resolved else "no" for row in rows],
        "F2P": [f"{row.fail_to_pass_ok}/{row.fail_to_pass}" for row in rows],
        "P2P": [f"{row.pass_to_pass_ok}/{row.pass_to_pass}" for row in rows],
        "rounds": [row.rounds for row in rows],
        "$": [row.cost_usd for row in rows],
        "s": [row.seconds for row in rows],
        "lost at": [row.lost_at for row in rows],
        "reason": [row.reason for row in rows],
    }
    lines = list(zip(*columns.values(), strict=True))
    report.show("solve", tuple(columns), lines, totals)
    for repo in sorted({row.repo for row in rows}):
        of_repo = [row for row in rows if row.repo == repo]
        print(f"{repo}: {sum(row.resolved for row in of_repo)} of {len(of_repo)}")


def _report_wait(seconds: float, reason: str) -> None:
    _report_progress(f"waiting {seconds} s: {reason}")


def _report_progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--instances",
        type=Path,
        required=True,
        help="one JSON object per line, as in SWE-bench",
    )
    parser.add_argument("--repos", type=Path, required=True)
    parser.add_argument(
        "--model", required=True, help="oracle, scripted:FILE, replay:DIR or a LiteLLM name"
    )
    parser.add_argument("--only", help="instance ids, comma-separated")
    parser.add_argument(
        "--sample", type=int, help="sample about this many, proportionally by repository"
    )
    parser.add_argument("--jobs", type=int, default=1, help="number of instances to run at once")
    parser.add_argument(
        "--work",
        type=Path,
        help="keep stores, logs and caches here (default: a temporary folder)",
    )
    parser.add_argument("--json", type=Path)
    return parser


def main() -> None:
    parser = _parser()
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    instances = select_instances(
        read_instances(arguments.instances), arguments.only, arguments.repos
    )
    instances = sample_instances(instances, arguments.sample)
    if not instances:
        parser.error("no instances")
    with ExitStack() as stack:
        work = arguments.work
        if work is None:
            temporary = tempfile.TemporaryDirectory(prefix="solve-")
            work = Path(stack.enter_context(temporary))
        work.mkdir(parents=True, exist_ok=True)
        work = work.resolve()
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=work))
        solver = Solver(arguments.repos, arguments.model, work, folder)
        try:
            rows = asyncio.run(solver.run(instances, max(1, arguments.jobs)))
        except SettingsError as error:
            parser.error(str(error))
    result = report.report("solve", summary(rows), [asdict(row) for row in rows])
    report.write(result, arguments.json)
    show(rows, result["summary"])


if __name__ == "__main__":
    main()
