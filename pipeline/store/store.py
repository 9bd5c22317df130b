"""The store of jobs and runs: every decision about them, over a table that only reads and writes."""

import functools
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Concatenate, ParamSpec, TypeVar

from pipeline.errors import LeaseLost
from pipeline.job import FixIssueJob, InvalidJob, parse_job
from pipeline.outcome import Event, Outcome, RunResult
from pipeline.run_key import RunKey, redrive_replay_id
from pipeline.store import rows
from pipeline.store.contract import (
    BudgetExceeded,
    Busy,
    Call,
    CallRequest,
    Checkpoint,
    Claim,
    Claimed,
    ClaimedInvalid,
    Effect,
    Finished,
    Lease,
    Moment,
    MoneyCaps,
    PendingEvent,
    Registered,
    Round,
    RunRow,
    Submission,
)
from pipeline.store.rows import Part, StoredCall, StoredJob, StoredRun
from pipeline.store.table import Item, Reader, Table, Transaction

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

MAX_ERROR = 2000
"""Characters of an error that a run keeps."""
MAX_DETAIL = 500
"""Characters of an error in a run's history."""


def in_transaction(
    method: Callable[Concatenate["RunStore", Transaction, Parameters], Result],
) -> Callable[Concatenate["RunStore", Parameters], Result]:
    """Give a method a transaction as its first argument, and run it again on a conflict."""

    def transacted(
        self: "RunStore", /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        return self._table.transact(lambda tx: method(self, tx, *args, **kwargs))

    functools.update_wrapper(transacted, method)
    return transacted


@dataclass(frozen=True)
class RequestedRun:
    """The run that a submission means; the newest where the submission must wait for its end."""

    run: StoredRun
    waits: bool
    body_differs: bool
    """Another body is stored for the job."""


class RunStore:
    """The jobs, their runs, and what the runs have done.

    Methods are synchronous and safe to call from any thread; times are seconds since the epoch;
    money is in micro-dollars (integers, so that sums and limits are exact). Every write about a run
    needs its lease: a method that takes one raises ``pipeline.errors.LeaseLost`` where it is not
    the run's live one. Errors of the database pass through.
    """

    def __init__(
        self,
        table: Table,
        *,
        clock: Callable[[], float] = time.time,
        keep_days: float | None = None,
    ):
        """Args:
        keep_days: a run is forgotten so long after its end, and a part of a run so long after it
            was written; None: nothing is forgotten.
        """
        self._table = table
        self._clock = clock
        self._keep_seconds = None if keep_days is None else int(keep_days * 86_400)

    def close(self) -> None:
        self._table.close()

    # Claims and leases

    @in_transaction
    def register(self, tx: Transaction, submission: Submission, *, owner: str | None) -> Registered:
        """Make the job and its run, queued, where there is none.

        A run without an owner gets this one: its message may have been delivered before the job was
        registered.
        """
        requested = self._requested_run(tx, submission, owner)
        run = requested.run
        if run.row.owner is None and owner is not None:
            run = run.with_row(owner=owner)
            self._write(tx, run)
        return Registered(run.row, requested.body_differs)

    @in_transaction
    def claim(self, tx: Transaction, submission: Submission, *, lease_seconds: float) -> Claim:
        """Take the run for one delivery.

        Makes the job where it is new, and its next generation for a new replay.

        Raises:
            UnreadableMessage, NewerSchema: the stored job is none for this version.
        """
        requested = self._requested_run(tx, submission, None)
        run = requested.run
        now = self._clock()
        if requested.waits:
            return Busy(max(run.lease_expires_at, now + 1.0))
        if run.finished:
            return Finished(run.row)
        if run.lease_token is not None and run.lease_expires_at > now:
            return Busy(run.lease_expires_at)
        crashed = run.lease_token is not None
        lease = Lease(run.row.key, uuid.uuid4().hex, now + lease_seconds)
        run = replace(run, lease_token=lease.token, lease_expires_at=lease.expires_at)
        run = run.with_row(
            state="running",
            deliveries=run.row.deliveries + 1,
            crashes=run.row.crashes + int(crashed),
        )
        detail = "the last delivery died" if crashed else ""
        self._write(tx, run, self._moment("delivered", detail))
        job = _stored_job(run.row, submission)
        if isinstance(job, InvalidJob):
            return ClaimedInvalid(run.row, lease, job)
        return Claimed(run.row, lease, job, requested.body_differs)

    @in_transaction
    def renew(self, tx: Transaction, lease: Lease, *, lease_seconds: float) -> bool:
        """Move the lease's end, also where it has passed and nobody has taken the run.

        It is no error either where the lease's own delivery has finished the run meanwhile: a
        heartbeat may come between the end and its news.

        Returns:
            Whether a cancellation of the run was requested.
        """
        run = self._run(tx, lease.key)
        if run is None or run.lease_token != lease.token:
            raise LeaseLost(f"the lease on {lease.key} is another delivery's now")
        if not run.finished:
            self._write(tx, replace(run, lease_expires_at=self._clock() + lease_seconds))
        return run.row.cancel_requested

    @in_transaction
    def release(self, tx: Transaction, lease: Lease) -> None:
        """Give the lease back, the run unfinished. A lease already lost is no error."""
        run = self._run(tx, lease.key)
        if run is None or run.row.state != "running" or run.lease_token != lease.token:
            return
        run = replace(run, lease_token=None, lease_expires_at=0.0).with_row(state="queued")
        self._write(tx, run, self._moment("released"))

    @in_transaction
    def request_cancel(self, tx: Transaction, job_id: str) -> bool:
        """Ask the newest unfinished run to stop. False: there is none."""
        run = self._newest_run(tx, job_id)
        if run is None or run.finished:
            return False
        run = run.with_row(cancel_requested=True)
        self._write(tx, run, self._moment("cancel requested"))
        return True

    # Which run a submission means

    def _requested_run(
        self, tx: Transaction, submission: Submission, owner: str | None
    ) -> RequestedRun:
        """Return the run that a submission means, made where it is new.

        Without a replay it is the job's newest. A replay, or the redrive of a failed run, means the
        generation that it started; where it has not started one, it starts the next as soon as the
        newest has ended.
        """
        job_id = submission.job_id
        job = self._job(tx, job_id)
        newest = self._run(tx, RunKey(job_id, job.newest)) if job is not None else None
        if job is None or newest is None:
            first = StoredJob(job_id, submission.digest, newest=0)
            run = self._make_run(tx, first, submission, submission.replay_id, owner)
            return RequestedRun(run, waits=False, body_differs=False)
        body_differs = job.digest != submission.digest
        replay_id = self._replay_id(tx, submission, newest)
        if replay_id is None:
            return RequestedRun(newest, waits=False, body_differs=body_differs)
        replayed = self._replayed_run(tx, job_id, replay_id)
        if replayed is not None:
            return RequestedRun(replayed, waits=False, body_differs=body_differs)
        if not newest.finished:
            return RequestedRun(newest, waits=True, body_differs=body_differs)
        following = replace(job, newest=job.newest + 1)
        owner = owner or newest.row.owner
        run = self._make_run(tx, following, submission, replay_id, owner)
        return RequestedRun(run, waits=False, body_differs=body_differs)

    def _replay_id(self, tx: Transaction, submission: Submission, newest: StoredRun) -> str | None:
        """Return the replay that a submission asks for; None: none.

        The redrive of a failed run's message is one, also where the message asked for a replay. It
        starts a generation only as long as the failed one is the newest.
        """
        redriven = submission.redrive_of
        if redriven is None:
            return submission.replay_id
        redrive_id = redrive_replay_id(redriven)
        newest_failed = newest.row.outcome == Outcome.FAILED
        if newest_failed and newest.row.generation == redriven:
            return redrive_id
        if self._replayed_run(tx, submission.job_id, redrive_id) is not None:
            return redrive_id
        return submission.replay_id

    def _make_run(
        self,
        tx: Transaction,
        job: StoredJob,
        submission: Submission,
        replay_id: str | None,
        owner: str | None,
    ) -> StoredRun:
        """Make the run of the job's newest generation, queued."""
        row = RunRow(
            job_id=job.job_id,
            generation=job.newest,
            repository=submission.issue.repository,
            issue_url=submission.issue.url,
            body=submission.body,
            owner=owner,
            created_at=self._clock(),
        )
        tx.put(job.item())
        tx.put(rows.open_item(row, self._expires()))
        if replay_id is not None:
            tx.put(rows.replay_item(row.key, replay_id, self._expires()))
        return self._write(tx, StoredRun(row, replay_id), self._moment("registered", owner or ""))

    def _replayed_run(self, tx: Transaction, job_id: str, replay_id: str) -> StoredRun | None:
        item = tx.get(rows.replay_key(job_id, replay_id))
        if item is None:
            return None
        return self._run(tx, RunKey(job_id, item.data["generation"]))

    # Progress

    @in_transaction
    def count_try(self, tx: Transaction, lease: Lease, error: str, seconds: float) -> int:
        """Count a failed try (interruptions are not counted), and its seconds.

        Returns:
            The tries so far.
        """
        run = self._held_run(tx, lease)
        run = run.with_row(
            tries=run.row.tries + 1,
            last_error=error[:MAX_ERROR],
            seconds=run.row.seconds + seconds,
        )
        self._write(tx, run, self._moment("try failed", error[:MAX_DETAIL]))
        return run.row.tries

    @in_transaction
    def save_checkpoint(self, tx: Transaction, lease: Lease, checkpoint: Checkpoint) -> bool:
        """Store a stage's result and add its seconds to the run's.

        Returns:
            Whether a cancellation of the run was requested.
        """
        run = self._held_run(tx, lease)
        run = run.with_row(seconds=run.row.seconds + checkpoint.seconds)
        self._write(tx, run, Part(rows.CHECKPOINT, vars(checkpoint)))
        return run.row.cancel_requested

    def checkpoints(self, key: RunKey) -> list[Checkpoint]:
        """Return a run's checkpoints in the order in which they were stored."""
        return self._parts(rows.CHECKPOINT, Checkpoint, key)

    @in_transaction
    def open_round(self, tx: Transaction, lease: Lease, opened: Round, seconds: float) -> None:
        """Begin the next round; ``seconds`` are added to the run's."""
        run = self._held_run(tx, lease)
        run = run.with_row(round=opened.number, seconds=run.row.seconds + seconds)
        self._write(tx, run, Part(rows.ROUND, vars(opened)))

    def rounds(self, key: RunKey) -> list[Round]:
        return self._parts(rows.ROUND, Round, key)

    # Effects

    @in_transaction
    def intend(
        self, tx: Transaction, lease: Lease, name: str, intention: dict[str, Any]
    ) -> dict[str, Any]:
        """Store an effect's intention. One stored earlier in this run stands.

        Returns:
            The intention that stands, as it is read from the store.
        """
        run = self._held_run(tx, lease)
        stored = self._effect_item(tx, run, name)
        if stored is not None:
            return dict(stored.data["intention"])
        as_stored: dict[str, Any] = json.loads(json.dumps(intention))
        effect = Effect(run.row.generation, name, as_stored, None, self._clock())
        self._write(tx, run, Part(rows.EFFECT, vars(effect)))
        return as_stored

    @in_transaction
    def record(self, tx: Transaction, lease: Lease, name: str, result: dict[str, Any]) -> None:
        """Store an effect's result beside its intention."""
        run = self._held_run(tx, lease)
        stored = self._effect_item(tx, run, name)
        if stored is not None:
            tx.put(replace(stored, data={**stored.data, "result": result}))
            self._write(tx, run)

    def effects(self, job_id: str) -> list[Effect]:
        """Return the effects of every generation, oldest first."""
        items = self._table.items(rows.job_partition(job_id), f"{rows.EFFECT}#")
        return [rows.read_row(Effect, item.data) for item in items]

    def _effect_item(self, tx: Transaction, run: StoredRun, name: str) -> Item | None:
        for item in self._part_items(tx, rows.EFFECT, run.row.key):
            if item.data["name"] == name:
                return item
        return None

    # Money

    @in_transaction
    def reserve(self, tx: Transaction, lease: Lease, request: CallRequest, caps: MoneyCaps) -> Call:
        """Reserve money for the next attempt at a call; one still reserved there becomes cut.

        Raises:
            BudgetExceeded: nothing was reserved.
        """
        run = self._held_run(tx, lease)
        calls = self._stored_calls(tx, run.row.key)
        self._check_caps(tx, run, calls, request, caps)
        attempt = 1
        for earlier in calls:
            if earlier.call.key == request.key:
                attempt += 1
                self._cut(tx, earlier)
        call = Call(
            key=request.key,
            attempt=attempt,
            state="reserved",
            micro_usd=request.micro_usd,
            reply_key=request.reply_key.replace("{attempt}", str(attempt)),
            model=request.model,
            created_at=self._clock(),
        )
        repository = run.row.repository
        data = {**vars(call), "day": request.day, "repository": repository}
        self._write(tx, run, Part(rows.CALL, data))
        expires = self._expires()
        amount = request.micro_usd
        total = rows.day_total_key(request.day)
        tx.add(total, amount, limit=caps.day, expires=expires)
        of_repository = rows.day_repository_key(request.day, repository)
        tx.add(of_repository, amount, limit=caps.repository_day, expires=expires)
        return call

    def _check_caps(
        self,
        tx: Transaction,
        run: StoredRun,
        calls: list[StoredCall],
        request: CallRequest,
        caps: MoneyCaps,
    ) -> None:
        of_run = sum(stored.call.micro_usd for stored in calls)
        of_repository = tx.counter(rows.day_repository_key(request.day, run.row.repository))
        of_day = tx.counter(rows.day_total_key(request.day))
        scopes = (
            ("run", caps.run, of_run),
            ("repository_day", caps.repository_day, of_repository),
            ("day", caps.day, of_day),
        )
        for scope, cap, used in scopes:
            if used + request.micro_usd > cap:
                raise BudgetExceeded(scope, request.micro_usd, cap - used)

    @in_transaction
    def settle(self, tx: Transaction, lease: Lease, call: Call, *, micro_usd: int) -> None:
        """Replace a call's reservation by what it cost."""
        self._end_call(tx, lease, call, "settled", micro_usd)

    @in_transaction
    def release_call(self, tx: Transaction, lease: Lease, call: Call) -> None:
        """Give back the reservation of a call for which the provider certainly charged nothing."""
        self._end_call(tx, lease, call, "released", 0)

    def _end_call(
        self, tx: Transaction, lease: Lease, call: Call, state: str, micro_usd: int
    ) -> None:
        run = self._held_run(tx, lease)
        for stored in self._stored_calls(tx, run.row.key):
            same = stored.call.key == call.key and stored.call.attempt == call.attempt
            if not same or stored.call.state not in ("reserved", "cut"):
                continue
            tx.put(stored.with_state(state, micro_usd))
            self._write(tx, run)
            difference = micro_usd - stored.call.micro_usd
            expires = self._expires()
            tx.add(rows.day_total_key(stored.day), difference, expires=expires)
            of_repository = rows.day_repository_key(stored.day, run.row.repository)
            tx.add(of_repository, difference, expires=expires)

    def _cut(self, tx: Transaction, stored: StoredCall) -> None:
        """Mark a call whose reply was never stored. Its reservation stands."""
        if stored.call.state == "reserved":
            tx.put(stored.with_state("cut", stored.call.micro_usd))

    def calls(self, key: RunKey) -> list[Call]:
        return self._parts(rows.CALL, Call, key)

    def spent(self, *, day: str, repository: str | None = None) -> int:
        """Return the micro-dollars reserved and settled on a day (``YYYY-MM-DD``, UTC)."""
        if repository is None:
            return self._table.counter(rows.day_total_key(day))
        return self._table.counter(rows.day_repository_key(day, repository))

    def _stored_calls(self, tx: Transaction, key: RunKey) -> list[StoredCall]:
        return [StoredCall.read(item) for item in self._part_items(tx, rows.CALL, key)]

    # The end of a run, and the outbox

    @in_transaction
    def announce(self, tx: Transaction, lease: Lease, event: Event, topic_arn: str | None) -> None:
        """Put an event into the outbox, once an event id. Without a topic it counts as published."""
        run = self._held_run(tx, lease)
        if tx.get(rows.event_key(event.id)) is None:
            tx.put(self._event_item(run, event, topic_arn))
            self._write(tx, run)

    @in_transaction
    def finish(
        self,
        tx: Transaction,
        lease: Lease,
        result: RunResult,
        event: Event,
        topic_arn: str | None,
    ) -> None:
        """Decide the outcome, once, and put its event into the outbox."""
        run = self._held_run(tx, lease)
        for stored in self._stored_calls(tx, run.row.key):
            self._cut(tx, stored)
        tx.delete(rows.open_key(run.row.key))
        expires = self._expires()
        self._expire_job(tx, run, expires)
        outcome = result.outcome.value
        run = replace(run, expires=expires).with_row(
            state="finished",
            outcome=outcome,
            reason=result.reason,
            seconds=result.seconds,
            result=result.model_dump_json(),
            event=event.model_dump_json(),
            finished_at=self._clock(),
        )
        run = self._write(tx, run, self._moment("finished", outcome))
        tx.put(self._event_item(run, event, topic_arn))

    def _expire_job(self, tx: Transaction, run: StoredRun, expires: int | None) -> None:
        """Let the job be forgotten with its newest run, which an unfinished one is."""
        if expires is None:
            return
        job = self._job(tx, run.row.job_id)
        if job is not None:
            tx.put(job.item(expires))

    def _event_item(self, run: StoredRun, event: Event, topic_arn: str | None) -> Item:
        now = self._clock()
        if topic_arn is None:
            return rows.published_event_item(run, event, now, self._expires())
        return rows.pending_event_item(run, event, topic_arn, now)

    def pending_events(self, limit: int = 10) -> list[PendingEvent]:
        """Return events that wait for their publication, oldest first."""
        items = self._table.listed(rows.PENDING, limit=limit, newest_first=False, where={})
        return [rows.read_row(PendingEvent, item.data) for item in items]

    @in_transaction
    def mark_published(self, tx: Transaction, event_id: str) -> None:
        item = tx.get(rows.event_key(event_id))
        if item is None or item.data["published_at"] is not None:
            return
        data = {**item.data, "published_at": self._clock()}
        tx.put(Item(item.key, data, expires=self._expires()))

    # Reads

    def run(self, job_id: str, generation: int | None = None) -> RunRow | None:
        """Return one run; the newest where no generation is given."""
        if generation is None:
            run = self._newest_run(self._table, job_id)
        else:
            run = self._run(self._table, RunKey(job_id, generation))
        return run.row if run is not None else None

    def runs(
        self, *, outcome: str | None = None, repository: str | None = None, limit: int = 50
    ) -> list[RunRow]:
        """Return runs, newest first.

        Args:
            outcome: only runs that ended so; or that are ``queued`` or ``running``.
        """
        where = {}
        if outcome is not None:
            where["status"] = outcome
        if repository is not None:
            where["repository"] = repository
        items = self._table.listed(rows.RUNS, limit=limit, newest_first=True, where=where)
        return [StoredRun.read(item).row for item in items]

    def oldest_unfinished(self) -> float | None:
        """Return when the oldest run without an outcome was made; None: all have one."""
        items = self._table.listed(rows.OPEN, limit=1, newest_first=False, where={})
        return items[0].data["created_at"] if items else None

    def history(self, key: RunKey) -> list[Moment]:
        """Return what happened to a run, oldest first."""
        return self._parts(rows.MOMENT, Moment, key)

    def _job(self, reader: Reader, job_id: str) -> StoredJob | None:
        item = reader.get(rows.job_key(job_id))
        return StoredJob.read(item) if item is not None else None

    def _run(self, reader: Reader, key: RunKey) -> StoredRun | None:
        item = reader.get(rows.run_item_key(key))
        return StoredRun.read(item) if item is not None else None

    def _newest_run(self, reader: Reader, job_id: str) -> StoredRun | None:
        job = self._job(reader, job_id)
        if job is None:
            return None
        return self._run(reader, RunKey(job_id, job.newest))

    def _parts(self, kind: str, row: type[rows.Row], key: RunKey) -> list[rows.Row]:
        items = self._part_items(self._table, kind, key)
        return [rows.read_row(row, item.data) for item in items]

    def _part_items(self, reader: Reader, kind: str, key: RunKey) -> list[Item]:
        prefix = rows.part_prefix(kind, key.generation)
        return reader.items(rows.job_partition(key.job_id), prefix)

    # Writes

    def _held_run(self, tx: Transaction, lease: Lease) -> StoredRun:
        """Return the run whose live lease this is.

        Raises:
            LeaseLost
        """
        run = self._run(tx, lease.key)
        if (
            run is None
            or run.row.state != "running"
            or run.lease_token != lease.token
            or run.lease_expires_at <= self._clock()
        ):
            raise LeaseLost(f"the lease on {lease.key} has ended or is another delivery's")
        return run

    def _write(self, tx: Transaction, run: StoredRun, *parts: Part) -> StoredRun:
        """Write a run and new parts of it.

        Everything that belongs to a run is written together with the run itself, so two writers can
        never both succeed on what they read of it.
        """
        for part in parts:
            run = replace(run, parts=run.parts + 1)
            tx.put(part.item(run, self._expires()))
        tx.put(run.item())
        return run

    def _moment(self, what: str, detail: str = "") -> Part:
        return Part(rows.MOMENT, vars(Moment(self._clock(), what, detail)))

    def _expires(self) -> int | None:
        if self._keep_seconds is None:
            return None
        return int(self._clock()) + self._keep_seconds


def _stored_job(run: RunRow, submission: Submission) -> FixIssueJob | InvalidJob:
    """Parse the stored job, unless it is the submitted one, which is parsed already."""
    if run.body == submission.body:
        return submission.job
    try:
        return parse_job(run.body)
    except InvalidJob as error:
        return error
