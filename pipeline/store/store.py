"""The store of jobs and runs: every decision about them is made here or in a module used here.

The table underneath only reads and writes.
"""

import functools
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, TypeVar

from pipeline.errors import LeaseLost
from pipeline.job import InvalidJob, Job, parse_job
from pipeline.outcome import Event, RunResult
from pipeline.run_key import RunKey
from pipeline.store import events, money, rows
from pipeline.store.contract import (
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
    MoneyCaps,
    PendingEvent,
    Registration,
    Round,
    RunRow,
    Submission,
)
from pipeline.store.generations import find_or_start_run
from pipeline.store.reader import StoreReader, registration
from pipeline.store.rows import Part, StoredRun
from pipeline.store.table import Table
from pipeline.store.transaction import RunTransaction

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

MAX_ERROR = 2000
"""Maximum characters of a run's stored error."""
MAX_DETAIL = 500
"""Maximum characters of an error in a run's history, or of an event."""


def in_transaction(
    method: Callable[Concatenate["RunStore", RunTransaction, Parameters], Result],
) -> Callable[Concatenate["RunStore", Parameters], Result]:
    """Pass a transaction to the method as its first argument; on a conflict, run it again."""

    def transacted(
        self: "RunStore", /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        return self._transact(lambda tx: method(self, tx, *args, **kwargs))

    functools.update_wrapper(transacted, method)
    return transacted


class RunStore(StoreReader):
    """The jobs, their runs, and everything that the runs have stored.

    Methods are synchronous and safe to call from any thread. Times are seconds since the epoch;
    money is in micro-dollars (integers, so that sums and limits are exact). A method that takes a
    lease raises ``pipeline.errors.LeaseLost`` if it is not the run's live one. Errors from the
    database pass through.
    """

    def __init__(
        self,
        table: Table,
        *,
        clock: Callable[[], float] = time.time,
        keep_days: float | None = None,
    ):
        """Args:
        keep_days: days after which a run is deleted, counted from its end, and a part of a run,
            counted from its writing; None for never.
        """
        super().__init__(table)
        self._transact_items = table.transact
        self._clock = clock
        self._keep_seconds = None if keep_days is None else int(keep_days * 86_400)

    def _transact(self, decide: Callable[[RunTransaction], Result]) -> Result:
        return self._transact_items(
            lambda items: decide(RunTransaction(items, self._clock(), self._keep_seconds))
        )

    # Claims and leases

    @in_transaction
    def register(self, tx: RunTransaction, submission: Submission) -> Registration:
        """Start the submission's run if it does not exist, unless it must wait for another to end.

        All runs of a job belong to the owner of the first.
        """
        return registration(find_or_start_run(tx, submission))

    @in_transaction
    def claim(self, tx: RunTransaction, submission: Submission, *, lease_seconds: float) -> Claim:
        """Take the run for one delivery.

        Creates the job if it is new, and its next generation for a new replay or for a new body
        after a rejected one.

        Raises:
            UnreadableMessage, NewerSchema: this version can't read the stored job.
        """
        requested = find_or_start_run(tx, submission)
        run = requested.run
        if run is None:
            newest = requested.newest
            until = newest.lease_expires_at if newest is not None else 0.0
            return Busy(max(until, tx.now + 1.0))
        if run.finished:
            return Finished(run.row)
        if run.lease_token is not None and run.lease_expires_at > tx.now:
            return Busy(run.lease_expires_at)
        lease = Lease(run.row.key, uuid.uuid4().hex, tx.now + lease_seconds)
        row = self._deliver(tx, run, lease)
        job = _stored_job(row, submission)
        if isinstance(job, InvalidJob):
            return ClaimedInvalid(row, lease, job)
        return Claimed(row, lease, job, requested.body_differs)

    def _deliver(self, tx: RunTransaction, run: StoredRun, lease: Lease) -> RunRow:
        """Lease the run to a delivery. If the last lease was not released, its delivery died."""
        crashes = run.row.crashes
        detail = ""
        if run.lease_token is not None:
            crashes += 1
            detail = "the last delivery died"
        run = replace(run, lease_token=lease.token, lease_expires_at=lease.expires_at)
        run = run.with_row(state="running", deliveries=run.row.deliveries + 1, crashes=crashes)
        return tx.write(run, tx.moment("delivered", detail)).row

    @in_transaction
    def renew(self, tx: RunTransaction, lease: Lease, *, lease_seconds: float) -> bool:
        """Extend the lease, even an expired one as long as no other delivery has claimed the run.

        It is not an error if the lease's own delivery has finished the run in the meantime: a
        heartbeat may still run just after the end.

        Returns:
            Whether a cancellation of the run was requested.
        """
        run = tx.run(lease.key)
        if run is None or run.lease_token != lease.token:
            raise LeaseLost(f"another delivery has claimed {lease.key}")
        if not run.finished:
            tx.write(replace(run, lease_expires_at=tx.now + lease_seconds))
        return run.row.cancel_requested

    @in_transaction
    def release(self, tx: RunTransaction, lease: Lease) -> None:
        """Give the lease of an unfinished run back. A lease that is already lost is no error."""
        run = tx.run(lease.key)
        if run is None or run.row.state != "running" or run.lease_token != lease.token:
            return
        run = replace(run, lease_token=None, lease_expires_at=0.0).with_row(state="queued")
        tx.write(run, tx.moment("released"))

    @in_transaction
    def request_cancel(self, tx: RunTransaction, job_id: str) -> bool:
        """Ask the job's newest run to stop. Return False if it has ended or does not exist."""
        run = tx.newest_run(job_id)
        if run is None or run.finished:
            return False
        run = run.with_row(cancel_requested=True)
        tx.write(run, tx.moment("cancel requested"))
        return True

    # Progress

    @in_transaction
    def count_try(self, tx: RunTransaction, lease: Lease, error: str, seconds: float) -> int:
        """Count a failed try (interruptions are not counted) and its seconds of work.

        Returns:
            The tries so far.
        """
        run = tx.held_run(lease)
        run = run.with_row(
            tries=run.row.tries + 1,
            last_error=error[:MAX_ERROR],
            seconds=run.row.seconds + seconds,
        )
        tx.write(run, tx.moment("try failed", error[:MAX_DETAIL]))
        return run.row.tries

    @in_transaction
    def note_error(self, tx: RunTransaction, lease: Lease, error: str) -> None:
        """Note the error that ends the run, as raw as it is: the outcome's reason is a sentence."""
        run = tx.held_run(lease).with_row(last_error=error[:MAX_ERROR])
        tx.write(run, tx.moment("stopped", error[:MAX_DETAIL]))

    @in_transaction
    def count_wait(self, tx: RunTransaction, lease: Lease, reason: str) -> RunRow:
        """Count a wait for others, which is no failed try. Progress resets the count."""
        run = tx.held_run(lease)
        run = run.with_row(
            waits=run.row.waits + 1,
            waiting_since=run.row.waiting_since or tx.now,
            last_error=reason[:MAX_ERROR],
        )
        return tx.write(run, tx.moment("waits", reason[:MAX_DETAIL])).row

    @in_transaction
    def save_checkpoint(self, tx: RunTransaction, lease: Lease, checkpoint: Checkpoint) -> bool:
        """Store a stage's result and add its seconds to the run's.

        Returns:
            Whether a cancellation of the run was requested.
        """
        run = tx.held_run(lease)
        run = run.progressed(seconds=run.row.seconds + checkpoint.seconds)
        tx.write(run, Part(rows.CHECKPOINT, vars(checkpoint)))
        return run.row.cancel_requested

    @in_transaction
    def open_round(self, tx: RunTransaction, lease: Lease, opened: Round, seconds: float) -> None:
        """Begin the next round, and add ``seconds`` to the run's."""
        run = tx.held_run(lease)
        run = run.progressed(round=opened.number, seconds=run.row.seconds + seconds)
        timed = replace(opened, created_at=tx.now, seconds=seconds)
        tx.write(run, Part(rows.ROUND, vars(timed)))

    # Effects

    @in_transaction
    def intend(
        self, tx: RunTransaction, lease: Lease, name: str, intention: dict[str, Any]
    ) -> dict[str, Any]:
        """Store an effect's intention, unless this run has stored one already.

        Returns:
            The stored intention, as read from the store.
        """
        run = tx.held_run(lease)
        stored = tx.effect_item(run.row.key, name)
        if stored is not None:
            return dict(stored.data["intention"])
        as_stored: dict[str, Any] = json.loads(json.dumps(intention))
        effect = Effect(run.row.generation, name, as_stored, None, tx.now)
        tx.write(run, Part(rows.EFFECT, vars(effect)))
        return as_stored

    @in_transaction
    def record(self, tx: RunTransaction, lease: Lease, name: str, result: dict[str, Any]) -> None:
        """Store an effect's result beside its intention. The same result again is no progress."""
        run = tx.held_run(lease)
        stored = tx.effect_item(run.row.key, name)
        if stored is None or stored.data["result"] == result:
            return
        tx.items.put(replace(stored, data={**stored.data, "result": result}))
        tx.write(run.progressed())

    @in_transaction
    def claim_issue(self, tx: RunTransaction, lease: Lease) -> str | None:
        """Make the run's job the one that may open a pull request for its issue.

        Returns:
            None, or the id of another job whose unfinished run may do so.
        """
        run = tx.held_run(lease)
        item = tx.items.get(rows.opener_key(run.row.issue_url))
        job_id = item.data["job_id"] if item is not None else run.row.job_id
        if job_id != run.row.job_id:
            opener = tx.newest_run(job_id)
            if opener is not None and not opener.finished:
                return str(job_id)
        tx.items.put(rows.opener_item(run.row, tx.expires))
        tx.write(run)
        return None

    # Money

    @in_transaction
    def reserve(
        self, tx: RunTransaction, lease: Lease, request: CallRequest, caps: MoneyCaps
    ) -> Call:
        """Reserve money for the next attempt at a call, and mark one that is still reserved as cut.

        Raises:
            BudgetExceeded: nothing was reserved.
        """
        run = tx.held_run(lease)
        return money.reserve(tx, run, request, caps)

    @in_transaction
    def settle(self, tx: RunTransaction, lease: Lease, call: Call, *, micro_usd: int) -> None:
        """Replace a call's reservation with its actual cost. A reply is progress."""
        money.end_call(tx, tx.held_run(lease).progressed(), call, "settled", micro_usd)

    @in_transaction
    def release_call(self, tx: RunTransaction, lease: Lease, call: Call) -> None:
        """Give back the reservation of a call that the provider certainly did not charge."""
        money.end_call(tx, tx.held_run(lease), call, "released", 0)

    @in_transaction
    def cut_call(self, tx: RunTransaction, lease: Lease, call: Call) -> None:
        """Keep the reservation of a call that was not answered but may have been charged."""
        money.end_call(tx, tx.held_run(lease), call, "cut", call.micro_usd)

    # The end of a run, and the outbox

    @in_transaction
    def announce(
        self, tx: RunTransaction, lease: Lease, event: Event, topic_arn: str | None
    ) -> None:
        """Put an event into the outbox unless it is there; without a topic, as published."""
        run = tx.held_run(lease)
        if tx.items.get(rows.event_key(event.id)) is None:
            events.put_event(tx, run, event, topic_arn)
            tx.write(run)

    @in_transaction
    def finish(
        self,
        tx: RunTransaction,
        lease: Lease,
        result: RunResult,
        event: Event,
        topic_arn: str | None,
    ) -> None:
        """Store the run's final outcome, and put its event into the outbox."""
        run = tx.held_run(lease)
        money.cut_reserved(tx, tx.calls(run.row.key))
        tx.items.delete(rows.open_key(run.row.key))
        number = result.own_pull_request_number
        if number is not None:
            tx.items.put(rows.numbered_run_item(run.row, number, tx.expires))
        self._expire_job(tx, run)
        outcome = result.outcome.value
        run = replace(run, expires=tx.expires).with_row(
            state="finished",
            outcome=outcome,
            reason=result.reason,
            seconds=result.seconds,
            result=result.model_dump_json(),
            event=event.model_dump_json(),
            finished_at=tx.now,
            model=result.model,
            template_set=result.template_set,
        )
        run = tx.write(run, tx.moment("finished", outcome))
        events.put_event(tx, run, event, topic_arn)

    @in_transaction
    def mark_dead_lettered(self, tx: RunTransaction, key: RunKey) -> None:
        """Note that the message of a failed run is in the dead-letter queue."""
        run = tx.run(key)
        if run is not None and not run.row.dead_lettered:
            tx.write(run.with_row(dead_lettered=True), tx.moment("dead-lettered"))

    def _expire_job(self, tx: RunTransaction, run: StoredRun) -> None:
        """Let the job expire with its newest run; an unfinished run is always the newest."""
        job = tx.job(run.row.job_id)
        if job is not None and tx.expires is not None:
            tx.items.put(job.item(tx.expires))

    @in_transaction
    def refuse_event(self, tx: RunTransaction, event: PendingEvent, error: str) -> bool:
        """Put an event that its topic has refused aside: until it is due again, or for good.

        Workers try the same event at about the same time: only the first refusal counts.

        Args:
            event: as it was before it was tried.
            error: the refusal.

        Returns:
            Whether it is parked now.
        """
        return events.refuse_event(tx, event, error[:MAX_DETAIL])

    @in_transaction
    def release_event(self, tx: RunTransaction, event_id: str) -> None:
        """Let a parked event be published again."""
        events.release_event(tx, event_id)

    @in_transaction
    def mark_published(self, tx: RunTransaction, *event_ids: str) -> None:
        """Mark events as published; at most as many as DynamoDB writes in a transaction (100)."""
        events.mark_published(tx, event_ids)


def _stored_job(run: RunRow, submission: Submission) -> Job | InvalidJob:
    """Parse the stored job, unless it is the submitted one, which is already parsed."""
    if run.body == submission.body:
        return submission.job
    try:
        return parse_job(run.body)
    except InvalidJob as error:
        return error
