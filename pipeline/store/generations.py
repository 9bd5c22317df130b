"""Find or start a submission's run.

It is the job's newest run, the one that a replay or a redrive refers to, or the next one: a replay
starts a generation, and so does a new body if the run of the one that stands was rejected.
"""

from dataclasses import dataclass, replace

from pipeline.outcome import Outcome
from pipeline.run_key import RunKey, redrive_replay_id
from pipeline.store import rows
from pipeline.store.contract import RunRow, Submission
from pipeline.store.rows import StoredJob, StoredRun
from pipeline.store.transaction import RunReader, RunTransaction


@dataclass(frozen=True)
class RequestedRun:
    """What the store holds for a submission."""

    job: StoredJob | None
    newest: StoredRun | None
    """The job's newest run."""
    run: StoredRun | None
    """The submission's run; None if it has not been started."""
    replay_id: str | None
    """The replay or redrive that starts, or started, the run."""
    body_differs: bool
    """A different body stands for the job, or for the replay."""

    @property
    def must_wait(self) -> bool:
        """Whether the run can only be started once the job's newest one has ended."""
        if self.run is not None or self.newest is None:
            return False
        return not self.newest.finished


def find_run(reader: RunReader, submission: Submission) -> RequestedRun:
    """Return what the store holds for a submission, without starting anything."""
    job = reader.job(submission.job_id)
    newest = reader.run(job.newest_run) if job is not None else None
    if job is None or newest is None:
        return RequestedRun(None, None, None, submission.replay_id, body_differs=False)
    replay_id = _replay_id(reader, submission, newest)
    if replay_id is not None:
        run = reader.replayed_run(job.job_id, replay_id)
        differs = run is not None and not _has_body(run, submission)
        return RequestedRun(job, newest, run, replay_id, differs)
    differs = submission.digest != job.digest
    standing = reader.run(RunKey(job.job_id, job.standing))
    if standing is not None and _has_exact_body(standing, submission):
        return RequestedRun(job, newest, newest, None, differs)
    replaced = reader.run_of_replaced_body(job.job_id, submission.exact_digest)
    if replaced is not None:
        return RequestedRun(job, newest, replaced, None, differs)
    if newest.finished and _was_rejected(standing):
        return RequestedRun(job, newest, None, None, body_differs=False)
    return RequestedRun(job, newest, newest, None, differs)


def find_or_start_run(tx: RunTransaction, submission: Submission) -> RequestedRun:
    """Return what the store holds for a submission; start its run unless that must wait."""
    requested = find_run(tx, submission)
    if requested.run is not None or requested.must_wait:
        return requested
    run = _start_run(tx, requested, submission)
    return replace(requested, run=run, newest=run)


def _replay_id(reader: RunReader, submission: Submission, newest: StoredRun) -> str | None:
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
    if reader.replayed_run(submission.job_id, redrive_id) is not None:
        return redrive_id
    return submission.replay_id


def _has_body(run: StoredRun, submission: Submission) -> bool:
    """Return whether the run is of the same job, whenever it was requested."""
    stored = _read_body(run)
    return stored is not None and stored.digest == submission.digest


def _has_exact_body(run: StoredRun, submission: Submission) -> bool:
    if run.row.body == submission.body:
        return True
    stored = _read_body(run)
    return stored is not None and stored.exact_digest == submission.exact_digest


def _read_body(run: StoredRun) -> Submission | None:
    """Return the run's stored job; None if this version can't read it."""
    try:
        return Submission.read(run.row.body)
    except ValueError:
        return None


def _was_rejected(run: StoredRun | None) -> bool:
    return run is not None and run.row.outcome == Outcome.REJECTED


def _start_run(tx: RunTransaction, requested: RequestedRun, submission: Submission) -> StoredRun:
    """Create a queued run for the job's next generation. All of them have the first one's owner."""
    if requested.job is None or requested.newest is None:
        job = StoredJob(submission.job_id, submission.digest, newest=0)
        owner = submission.owner
    else:
        job = _next_generation(tx, requested.job, submission)
        owner = requested.newest.row.owner
    row = RunRow(
        job_id=job.job_id,
        generation=job.newest,
        repository=submission.subject.repository,
        issue_url=submission.subject.url,
        body=submission.body,
        owner=owner,
        created_at=tx.now,
        traceparent=submission.traceparent,
    )
    tx.items.put(job.item())
    tx.items.put(rows.open_item(row, tx.expires))
    tx.items.put(rows.numbered_run_item(row, submission.subject.number, tx.expires))
    if requested.replay_id is not None:
        tx.items.put(rows.replay_item(row.key, requested.replay_id, tx.expires))
    return tx.write(StoredRun(row, requested.replay_id), tx.moment("registered", owner or ""))


def _next_generation(tx: RunTransaction, job: StoredJob, submission: Submission) -> StoredJob:
    """Return the job with its next generation.

    A body stands until its run is rejected; the next body then takes its place. A message with the
    replaced body may be delivered again: it keeps referring to its own run. The time of the request
    counts as a part of the body here: a run that was rejected for it must not be the last.
    """
    following = replace(job, newest=job.newest + 1)
    standing = tx.run(RunKey(job.job_id, job.standing))
    if standing is not None and _was_rejected(standing):
        stored = _read_body(standing)
        digest = stored.exact_digest if stored is not None else job.digest
        tx.items.put(rows.replaced_body_item(standing.row.key, digest, tx.expires))
        return replace(following, digest=submission.digest, standing=following.newest)
    if submission.digest == job.digest:
        return replace(following, standing=following.newest)
    return following
