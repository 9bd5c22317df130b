"""Reading the store: runs, what they have stored, and the events that wait."""

from collections.abc import Iterator, Sequence

from pipeline.outcome import RunResult
from pipeline.run_key import RunKey
from pipeline.store import rows
from pipeline.store.contract import (
    ALL_RUNS,
    Call,
    Checkpoint,
    Effect,
    Moment,
    PendingEvent,
    Registration,
    Round,
    RunFilter,
    RunRow,
    Submission,
    place_at,
)
from pipeline.store.generations import RequestedRun, find_run
from pipeline.store.rows import StoredJob, StoredRun
from pipeline.store.table import EVERYTHING, Key, ReadTable, Span
from pipeline.store.transaction import RunReader

PAGE = 100
"""Runs that are read at a time when all of them are iterated over."""


class StoreReader:
    """The jobs, their runs, and everything that the runs have stored, to look at.

    Methods are synchronous and safe to call from any thread. Times are seconds since the epoch;
    money is in micro-dollars. Errors from the database pass through.
    """

    def __init__(self, table: ReadTable):
        self._table = table
        self._reader = RunReader(table)

    def close(self) -> None:
        self._table.close()

    # Runs

    def run(self, job_id: str, generation: int | None = None) -> RunRow | None:
        """Return a run, by default the job's newest; None if it does not exist."""
        if generation is None:
            run = self._reader.newest_run(job_id)
        else:
            run = self._reader.run(RunKey(job_id, generation))
        return run.row if run is not None else None

    def runs(
        self, chosen: RunFilter = ALL_RUNS, *, before: str | None = None, limit: int = 50
    ) -> list[RunRow]:
        """Return runs, newest first.

        Args:
            before: only runs that come after this place in the list: the ``RunRow.place`` of the
                last one that was shown, or ``place_at`` a time.
        """
        within = Span(since=place_at(chosen.since or 0.0), before=before or EVERYTHING.before)
        items = self._table.listed(
            rows.RUNS, limit=limit, newest_first=True, where=chosen.values, within=within
        )
        return [StoredRun.read(item).row for item in items]

    def each_run(self, *, since: float | None = None) -> Iterator[RunRow]:
        """Iterate over all runs, newest first, of which ``PAGE`` at a time are in memory.

        Runs that are created in the meantime are left out.

        Args:
            since: only runs created at this time or later; None for all.
        """
        before: str | None = None
        while True:
            runs = self.runs(RunFilter(since=since), before=before, limit=PAGE)
            yield from runs
            if len(runs) < PAGE:
                return
            before = runs[-1].place

    def jobs_beginning_with(self, prefix: str, limit: int) -> list[RunRow]:
        """Return the newest run of each job whose id begins with ``prefix``, by job id."""
        jobs = self._table.listed(
            rows.JOBS,
            limit=limit,
            newest_first=False,
            where={},
            within=Span(prefix or EVERYTHING.since, prefix + EVERYTHING.before),
        )
        keys = [rows.run_item_key(StoredJob.read(item).newest_run) for item in jobs]
        return self._runs_under(keys)

    def runs_numbered(self, number: int, repository: str | None = None) -> list[RunRow]:
        """Return runs by a number: the newest run of each issue that has it, or whose pull request
        has it. The newest run comes first.

        Args:
            repository: ``OWNER/NAME``, in any case; None for all.
        """
        prefix = rows.numbered_prefix(repository) if repository is not None else ""
        items = self._table.query(rows.number_partition(number), prefix)
        newest_keys: dict[str, Key] = {}
        for item in sorted(items, key=lambda item: float(item.data["created_at"])):
            run_key = RunKey(item.data["job_id"], item.data["generation"])
            newest_keys[item.data["issue_url"]] = rows.run_item_key(run_key)
        runs = self._runs_under(list(newest_keys.values()))
        return sorted(runs, key=lambda run: run.created_at, reverse=True)

    def jobs_numbered(self, number: int, repository: str) -> list[str]:
        """Return the ids of all jobs by the number of their issue, or of a pull request on which
        one of their runs has worked. Those of an issue include those of its pull requests.

        Args:
            repository: ``OWNER/NAME``, in any case.
        """
        keys = self._keys_numbered(number, repository)
        for run in self.all_runs_numbered(number, repository):
            pull = _own_pull_number(run)
            if run.subject.number == number and pull is not None:
                keys |= self._keys_numbered(pull, repository)
        return sorted({key.job_id for key in keys})

    def all_runs_numbered(self, number: int, repository: str) -> list[RunRow]:
        """Return every run whose issue or pull request has the number, oldest first.

        Args:
            repository: ``OWNER/NAME``, in any case.
        """
        keys = [rows.run_item_key(run) for run in self._keys_numbered(number, repository)]
        return sorted(self._runs_under(keys), key=lambda run: run.place)

    def _keys_numbered(self, number: int, repository: str) -> set[RunKey]:
        prefix = rows.numbered_prefix(repository)
        items = self._table.query(rows.number_partition(number), prefix)
        return {RunKey(item.data["job_id"], item.data["generation"]) for item in items}

    def _runs_under(self, keys: list[Key]) -> list[RunRow]:
        return [StoredRun.read(item).row for item in self._table.get_many(keys)]

    def unfinished_runs(self, limit: int) -> list[RunRow]:
        """Return the oldest runs that have no outcome, the oldest first."""
        items = self._table.listed(rows.OPEN, limit=limit, newest_first=False, where={})
        return self._runs_under([rows.run_key_of_open(item.key) for item in items])

    def oldest_unfinished(self) -> float | None:
        """Return when the oldest run without an outcome was created; None if all have one."""
        items = self._table.listed(rows.OPEN, limit=1, newest_first=False, where={})
        return items[0].data["created_at"] if items else None

    def find(self, submission: Submission) -> Registration:
        """Return what the store holds for a submission, without starting anything."""
        return registration(find_run(self._reader, submission))

    # What a run has stored

    def checkpoints(self, key: RunKey) -> list[Checkpoint]:
        """Return a run's checkpoints in the order in which they were stored."""
        return self._reader.parts(rows.CHECKPOINT, Checkpoint, key)

    def newest_checkpoints(self, key: RunKey, limit: int) -> list[Checkpoint]:
        """Return the last ``limit`` of a run's checkpoints, the last one first."""
        partition = rows.job_partition(key.job_id)
        prefix = rows.part_prefix(rows.CHECKPOINT, key.generation)
        items = self._table.newest(partition, prefix, limit)
        return [rows.read_row(Checkpoint, item.data) for item in items]

    def rounds(self, key: RunKey) -> list[Round]:
        return self._reader.parts(rows.ROUND, Round, key)

    def effects(self, job_id: str) -> list[Effect]:
        """Return the effects of every generation, oldest first."""
        items = self._table.query(rows.job_partition(job_id), f"{rows.EFFECT}#")
        return [rows.read_row(Effect, item.data) for item in items]

    def calls(self, key: RunKey) -> list[Call]:
        return self._reader.parts(rows.CALL, Call, key)

    def history(self, key: RunKey) -> list[Moment]:
        """Return a run's history, oldest first."""
        return self._reader.parts(rows.MOMENT, Moment, key)

    # Money and events

    def spent(self, *, day: str, repository: str | None = None) -> int:
        """Return the micro-dollars reserved and settled on a day (``YYYY-MM-DD``, UTC)."""
        if repository is None:
            return self._table.counter(rows.day_total_key(day))
        return self._table.counter(rows.day_repository_key(day, repository))

    def spent_by_repository(self, day: str) -> dict[str, int]:
        """Return the micro-dollars that each repository has cost on a day, see ``spent``."""
        counters = self._table.counters(rows.day_partition(day), rows.DAY_REPOSITORY)
        by_repository = {}
        for sort, micro_usd in counters.items():
            by_repository[sort.removeprefix(rows.DAY_REPOSITORY)] = micro_usd
        return by_repository

    def pending_events(self, limit: int = 10) -> list[PendingEvent]:
        """Return events that no topic has refused yet, oldest first."""
        return self._events(rows.PENDING, limit)

    def still_pending(self, event_ids: Sequence[str]) -> list[PendingEvent]:
        """Return those of these events that are not published and that no topic has refused yet."""
        keys = [rows.event_key(event_id) for event_id in event_ids]
        pending = []
        for item in self._table.get_many(keys):
            if item.listing == rows.PENDING:
                pending.append(rows.read_row(PendingEvent, item.data))
        return pending

    def refused_events(self, limit: int = 10) -> list[PendingEvent]:
        """Return events that were refused and are tried again, by when they are due."""
        return self._events(rows.RETRIES, limit)

    def parked_events(self, limit: int = 10) -> list[PendingEvent]:
        """Return events that were refused too often and are not tried again, oldest first."""
        return self._events(rows.PARKED, limit)

    def _events(self, listing: str, limit: int) -> list[PendingEvent]:
        items = self._table.listed(listing, limit=limit, newest_first=False, where={})
        return [rows.read_row(PendingEvent, item.data) for item in items]


def _own_pull_number(run: RunRow) -> int | None:
    """Return the number of the pull request that a run worked on; None while it has not ended."""
    if run.result is None:
        return None
    return RunResult.model_validate_json(run.result).own_pull_request_number


def registration(requested: RequestedRun) -> Registration:
    newest = requested.newest
    run = requested.run
    return Registration(
        newest=newest.row if newest is not None else None,
        run=run.row if run is not None else None,
        body_differs=requested.body_differs,
    )
