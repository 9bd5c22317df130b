"""Run recorded cases through the real pipeline, one row each."""

import asyncio
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.instances import Instance, repository_of
from benchmarks.recorded_model import RecordedModel
from benchmarks.recordings import Recording
from benchmarks.replayed_run import ReplayedRun, replay_wrappers
from benchmarks.trajectory_rows import Row, RowFile, crashed_row, row_of
from benchmarks.watched_engine import watched_engine
from cli import wiring
from pipeline import settings as config
from pipeline.github.local import LocalForge, local_issue_url
from pipeline.job import FixIssueJob
from pipeline.outcome import RunResult
from pipeline.settings import Settings, SettingsError
from pipeline.worker.one_job import run_job
from repository.git import Mirror

MODEL = "recorded"
_UNLIMITED_USD = 1e6


@dataclass(frozen=True)
class Case:
    """An instance and its recorded run."""

    instance: Instance
    recording: Recording


@dataclass(frozen=True)
class Replayer:
    """Replays cases.

    Attributes:
        work: caches and mirrors, one folder per lane: concurrent runs must not move the same
            mirror's branch.
        folder: store, artifacts and repositories of this invocation.
    """

    repos: Path
    work: Path
    folder: Path
    rows: RowFile

    async def run(self, cases: Sequence[Case], lanes: int) -> None:
        """Replay all cases, ``lanes`` at once, and write their rows."""
        queue = iter(enumerate(cases, start=1))

        async def run_lane(lane: int, waiting: Iterator[tuple[int, Case]]) -> None:
            for number, case in waiting:
                row = await self._row(case, self.work / f"lane-{lane}")
                self.rows.add(row)
                report_progress(f"[{number}/{len(cases)}] {row.describe()}")

        await asyncio.gather(*(run_lane(lane, queue) for lane in range(lanes)))

    async def _row(self, case: Case, data_dir: Path) -> Row:
        """Replay a case. A crash is a row, since it must not end the measurement."""
        started = time.monotonic()
        try:
            run, result = await self._replay(case, data_dir)
            return await asyncio.to_thread(row_of, run, result, time.monotonic() - started)
        except SettingsError:
            raise
        except Exception as error:
            logging.exception("%s crashed", case.instance.instance_id)
            return crashed_row(case.instance, case.recording, error)

    async def _replay(self, case: Case, data_dir: Path) -> tuple[ReplayedRun, RunResult]:
        instance = case.instance
        folder = self.folder / "repositories" / instance.instance_id
        repository = repository_of(instance, self.repos, folder)
        model = RecordedModel(case.recording, _base_paths(repository, instance))
        forge = LocalForge(repository.folder, instance.title, instance.body)
        app = wiring.build(self._settings(data_dir), forge, host="file", model=model)
        run = ReplayedRun(instance, case.recording, repository, app.sandbox, model)
        engine = watched_engine(app, replay_wrappers(run))
        url = local_issue_url(repository.folder, instance.problem_statement)
        with closing(app.store):
            job = FixIssueJob(issue_url=url)
            event, _ = await run_job(job, app.store, engine, on_wait=_report_wait)
        assert isinstance(event.data, RunResult)
        return run, event.data

    def _settings(self, data_dir: Path) -> Settings:
        """Return the settings from the environment, for one attempt in one round.

        A recording has no answer to a change that is sent back. There are no daily limits, because
        a measurement makes many runs in a day.
        """
        settings = config.load(
            {
                "data_dir": data_dir,
                "store": f"sqlite:///{self.folder / 'store.sqlite'}",
                "model": MODEL,
                "strategy": "agent",
                "attempts": 1,
                "max_rounds": 1,
                "artifacts": str(self.folder / "artifacts"),
                "max_cost_usd_per_repository_day": _UNLIMITED_USD,
                "max_cost_usd_per_day": _UNLIMITED_USD,
            }
        )
        return settings.model_copy(update={"queue_url": None, "topic_arn": None})


def _base_paths(repository: Mirror, instance: Instance) -> frozenset[str]:
    return frozenset(entry.path for entry in repository.files(instance.base_commit))


def _report_wait(seconds: float, reason: str) -> None:
    report_progress(f"waiting {seconds} s: {reason}")


def report_progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
