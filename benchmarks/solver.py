"""Run instances through the pipeline and judge their changes, one row each."""

import asyncio
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from benchmarks.evaluation import Judge, judging_wrappers
from benchmarks.instances import (
    Instance,
    read_changes,
    read_texts,
    repository_of,
)
from benchmarks.measurement import Measurement
from benchmarks.oracle import Oracle, as_reply
from benchmarks.predictions import without_tests
from benchmarks.solve_rows import FinishedRun, Row, error_row, row_of
from benchmarks.spending import MeasurementStopped, MeteredClient, spent_usd
from benchmarks.watched_engine import watched_engine
from cli import wiring
from pipeline.engine import checkpoints
from pipeline.errors import CredentialsRefused, describe
from pipeline.github.local import LocalForge, local_issue_url
from pipeline.job import FIX_ISSUE, FixIssueJob, Replay
from pipeline.outcome import Outcome, RunResult
from pipeline.run_key import RunKey
from pipeline.settings import Settings
from pipeline.store.store import RunStore
from pipeline.worker import one_job
from repository.git import Mirror

#: The model that answers with the reference change.
ORACLE = "oracle"
#: Seconds between two attempts to continue a run that is still leased.
_LEASE_WAIT = 2.0


@dataclass
class Solver:
    """Measures instances with one model."""

    measurement: Measurement
    repos: Path
    settings: Settings
    client: MeteredClient | None
    """None for the oracle."""

    def unfinished(self, instances: Sequence[Instance]) -> list[Instance]:
        return [
            instance
            for instance in instances
            if not self.measurement.is_finished(instance.instance_id)
        ]

    async def run(self, instances: Sequence[Instance], lanes: int) -> str | None:
        """Measure all unfinished instances, ``lanes`` at once.

        Returns:
            Why the measurement stopped before the last instance; None if it did not.
        """
        unfinished = self.unfinished(instances)
        queue = iter(enumerate(unfinished, 1))
        total = len(unfinished)
        reasons = await asyncio.gather(*(self._run_lane(queue, total) for _ in range(lanes)))
        return next((reason for reason in reasons if reason is not None), None)

    async def _run_lane(self, waiting: Iterator[tuple[int, Instance]], total: int) -> str | None:
        """Measure waiting instances; return why the lane stopped, or None after the last one."""
        for number, instance in waiting:
            try:
                row = await self._measure(instance)
            except MeasurementStopped as stopped:
                return str(stopped)
            self.measurement.add(row)
            _report_progress(f"[{number}/{total}] {row.summary()}")
        return None

    async def _measure(self, instance: Instance) -> Row:
        """Return an instance's row, even if something unexpected happens."""
        self._check_client()
        try:
            return row_of(await self._solve(instance))
        except MeasurementStopped:
            raise
        except CredentialsRefused as error:
            self._check_client()  # it has the provider's own words
            raise MeasurementStopped(str(error)) from error
        except Exception as error:  # must not end the other instances
            file = self.measurement.of_instance(instance.instance_id) / "error.txt"
            file.write_text(traceback.format_exc(), encoding="utf-8")
            return error_row(instance, f"{describe(error)} (see {file})")

    def _check_client(self) -> None:
        if self.client is not None:
            self.client.check()

    async def _solve(self, instance: Instance) -> FinishedRun:
        folder = self.measurement.of_instance(instance.instance_id)
        repository = repository_of(instance, self.repos, folder)
        oracle: Oracle | None = None
        inexpressible: list[str] = []
        if self.client is None:
            oracle, inexpressible = _make_oracle(instance, repository)
        forge = LocalForge(repository.folder, instance.title, instance.body)
        app = wiring.build(self.settings, forge, host="file", model=self.client or oracle)
        with closing(app.store):
            job = _next_job(app.store, instance, repository)
            if oracle is not None:
                oracle.continue_from(_round_of(app.store, job))
            judge = Judge(instance, repository, app.sandbox, folder=folder / _run_name(job))
            judge.load()
            result = await self._run_job(job, app, judge)
            last_stage = _last_stage(app, RunKey(job.id, result.generation))
            cost_usd = spent_usd(app.store, job.id)
        patch = patch_of(result)
        return FinishedRun(
            instance,
            result,
            judge,
            last_stage,
            inexpressible,
            cost_usd,
            model_patch=patch,
            model_patch_without_tests=without_tests(patch, instance, repository) if patch else None,
        )

    async def _run_job(self, job: FixIssueJob, app: wiring.App, judge: Judge) -> RunResult:
        engine = watched_engine(app, judging_wrappers(judge))
        # The folder is locked: if the run is leased, the process that leased it has died.
        until = time.monotonic() + one_job.LEASE_SECONDS
        while True:
            try:
                event, _ = await one_job.run_job(job, app.store, engine, on_wait=self._wait)
            except one_job.AlreadyRunning:
                if time.monotonic() > until:
                    raise
                self._wait(_LEASE_WAIT, "the lease of a process that died has not expired yet")
                await asyncio.sleep(_LEASE_WAIT)
                continue
            assert isinstance(event.data, RunResult)
            return event.data

    def _wait(self, seconds: float, reason: str) -> None:
        self._check_client()
        _report_progress(f"waiting {seconds:.0f} s: {reason}")


def _next_job(store: RunStore, instance: Instance, repository: Mirror) -> FixIssueJob:
    """Return the job for the instance's newest run, or for a new run if that one failed."""
    job = FixIssueJob(issue_url=local_issue_url(repository.folder, instance.problem_statement))
    newest = store.run(job.id)
    if newest is None or newest.outcome != Outcome.FAILED:
        return job
    again = Replay(id=f"after-{newest.generation}")
    return job.model_copy(update={"replay": again})


def _run_name(job: FixIssueJob) -> str:
    return job.replay.id if job.replay is not None else "first"


def _round_of(store: RunStore, job: FixIssueJob) -> int:
    """Return the round of the job's run, which an earlier process may have begun."""
    run = store.run(job.id)
    if run is None or run.outcome is not None:
        return 1
    return run.round


def _last_stage(app: wiring.App, key: RunKey) -> str:
    """Return the stage in which a run ended: the first without a result."""
    stored = app.store.checkpoints(key)
    pipeline = app.pipelines[FIX_ISSUE]
    valid = checkpoints.find_valid(pipeline, stored, app.store.rounds(key))
    return next(name for name in pipeline.names if name not in valid)


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


def patch_of(result: RunResult) -> str | None:
    """Return the change as it would be pushed, or else the best candidate."""
    address = result.artifacts.get("patch")
    if address is None:
        return None
    return Path(unquote(urlsplit(address).path)).read_text(errors="replace")


def _report_progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
