"""Jobs, runs and their parts as rows: read anywhere, and written in a transaction."""

from dataclasses import replace

from pipeline.errors import LeaseLost
from pipeline.run_key import RunKey
from pipeline.store import rows
from pipeline.store.contract import Lease, Moment
from pipeline.store.rows import Part, Row, StoredCall, StoredJob, StoredRun
from pipeline.store.table import Item, Key, Reader, Transaction


class RunReader:
    """Reads rows, from a table or within a transaction."""

    def __init__(self, reader: Reader):
        self._reader = reader

    def job(self, job_id: str) -> StoredJob | None:
        item = self._reader.get(rows.job_key(job_id))
        if item is None:
            return None
        return StoredJob.read(item)

    def run(self, key: RunKey) -> StoredRun | None:
        item = self._reader.get(rows.run_item_key(key))
        if item is None:
            return None
        return StoredRun.read(item)

    def newest_run(self, job_id: str) -> StoredRun | None:
        job = self.job(job_id)
        if job is None:
            return None
        return self.run(job.newest_run)

    def replayed_run(self, job_id: str, replay_id: str) -> StoredRun | None:
        """Return the run that a replay started; None if it has not started one yet."""
        return self._run_named_by(rows.replay_key(job_id, replay_id), job_id)

    def run_of_replaced_body(self, job_id: str, digest: str) -> StoredRun | None:
        """Return the rejected run of a body that another has replaced; None for other bodies."""
        return self._run_named_by(rows.replaced_body_key(job_id, digest), job_id)

    def _run_named_by(self, key: Key, job_id: str) -> StoredRun | None:
        """Return the run whose generation is in the item under ``key``."""
        item = self._reader.get(key)
        if item is None:
            return None
        return self.run(RunKey(job_id, item.data["generation"]))

    def parts(self, kind: str, row: type[Row], key: RunKey) -> list[Row]:
        """Return a run's parts of one kind in the order in which they were written."""
        items = self._part_items(kind, key)
        return [rows.read_row(row, item.data) for item in items]

    def effect_item(self, key: RunKey, name: str) -> Item | None:
        for item in self._part_items(rows.EFFECT, key):
            if item.data["name"] == name:
                return item
        return None

    def calls(self, key: RunKey) -> list[StoredCall]:
        items = self._part_items(rows.CALL, key)
        return [StoredCall.read(item) for item in items]

    def _part_items(self, kind: str, key: RunKey) -> list[Item]:
        partition = rows.job_partition(key.job_id)
        prefix = rows.part_prefix(kind, key.generation)
        return self._reader.query(partition, prefix)


class RunTransaction(RunReader):
    """A transaction at a fixed time: ``now``, in seconds since the epoch.

    ``expires`` is when a part of a run that is written now expires; None for never.
    """

    def __init__(self, items: Transaction, now: float, keep_seconds: int | None):
        super().__init__(items)
        self.items = items
        self.now = now
        self.expires: int | None = None
        if keep_seconds is not None:
            self.expires = int(now) + keep_seconds

    def held_run(self, lease: Lease) -> StoredRun:
        """Return the run that the lease holds.

        Raises:
            LeaseLost: it has expired, or another delivery holds the run.
        """
        run = self.run(lease.key)
        if run is None or not run.is_held_by(lease, self.now):
            raise LeaseLost(f"the lease on {lease.key} has expired or was lost to another delivery")
        return run

    def write(self, run: StoredRun, *parts: Part) -> StoredRun:
        """Write a run together with new parts.

        Every part of a run is written together with the run itself. So of two concurrent
        transactions that read the same run, only one can commit.

        Returns:
            The run, with its count of parts updated.
        """
        for part in parts:
            run = replace(run, parts=run.parts + 1)
            self.items.put(part.item(run, self.expires))
        self.items.put(run.item())
        return run

    def moment(self, what: str, detail: str = "") -> Part:
        """Return a new part of a run's history."""
        moment = Moment(self.now, what, detail)
        return Part(rows.MOMENT, vars(moment))
