"""Find or create a submission's run: the job's newest, a replay's or a redrive's."""

from dataclasses import dataclass, replace

from pipeline.outcome import Outcome
from pipeline.run_key import redrive_replay_id
from pipeline.store import rows
from pipeline.store.contract import RunRow, Submission
from pipeline.store.rows import StoredJob, StoredRun
from pipeline.store.transaction import RunTransaction


@dataclass(frozen=True)
class RequestedRun:
    """A submission's run; the newest one if the submission must wait for it to end."""

    run: StoredRun
    must_wait: bool
    body_differs: bool
    """A different body is stored for the job."""


def requested_run(tx: RunTransaction, submission: Submission, owner: str | None) -> RequestedRun:
    """Return the submission's run, creating it if it is new.

    Without a replay it is the job's newest run. A replay, or the redrive of a failed run, refers to
    the generation that it started. If it has not started one yet, it starts the next one as soon as
    the newest has ended.

    Args:
        owner: the owner of a new run; None for that of the previous generation.
    """
    job = tx.job(submission.job_id)
    newest = tx.run(job.newest_run) if job is not None else None
    if job is None or newest is None:
        first = StoredJob(submission.job_id, submission.digest, newest=0)
        run = _make_run(tx, first, submission, submission.replay_id, owner)
        return RequestedRun(run, must_wait=False, body_differs=False)
    run = newest
    must_wait = False
    replay_id = _replay_id(tx, submission, newest)
    if replay_id is not None:
        replayed = tx.replayed_run(job.job_id, replay_id)
        if replayed is not None:
            run = replayed
        elif newest.finished:
            following = replace(job, newest=job.newest + 1)
            run = _make_run(tx, following, submission, replay_id, owner or newest.row.owner)
        else:
            must_wait = True
    return RequestedRun(run, must_wait, body_differs=job.digest != submission.digest)


def _replay_id(tx: RunTransaction, submission: Submission, newest: StoredRun) -> str | None:
    """Return the id of the replay that a submission asks for, or None.

    The redrive of a failed run's message counts as a replay, even if the message itself asks for
    another one. It starts a generation only while the failed one is the newest.
    """
    redriven = submission.redrive_of
    if redriven is None:
        return submission.replay_id
    redrive_id = redrive_replay_id(redriven)
    newest_failed = newest.row.outcome == Outcome.FAILED
    if newest_failed and newest.row.generation == redriven:
        return redrive_id
    if tx.replayed_run(submission.job_id, redrive_id) is not None:
        return redrive_id
    return submission.replay_id


def _make_run(
    tx: RunTransaction,
    job: StoredJob,
    submission: Submission,
    replay_id: str | None,
    owner: str | None,
) -> StoredRun:
    """Create a queued run for the job's newest generation."""
    row = RunRow(
        job_id=job.job_id,
        generation=job.newest,
        repository=submission.issue.repository,
        issue_url=submission.issue.url,
        body=submission.body,
        owner=owner,
        created_at=tx.now,
    )
    tx.items.put(job.item())
    tx.items.put(rows.open_item(row, tx.expires))
    if replay_id is not None:
        tx.items.put(rows.replay_item(row.key, replay_id, tx.expires))
    return tx.write(StoredRun(row, replay_id), tx.moment("registered", owner or ""))
