"""Submissions and rows for the tests of the store."""

from pipeline.job import FixIssueJob
from pipeline.outcome import Event, RunStarted
from pipeline.store.contract import Checkpoint, Claim, Claimed, RunRow, Submission
from pipeline.store.store import RunStore
from tests.stand_ins.runs import LEASE, START, job


def submit(store: RunStore, redrive_of: int | None = None, **fields: object) -> Claim:
    return store.claim(Submission.of(job(**fields), redrive_of=redrive_of), lease_seconds=LEASE)  # type: ignore[arg-type]


def register(
    store: RunStore, requested: FixIssueJob | None = None, owner: str | None = None
) -> RunRow:
    """Register a job whose run need not wait, and return the run."""
    registered = store.register(Submission.of(requested or job(), owner=owner))
    assert registered.run is not None
    return registered.run


def replay_fields(name: str, **more: object) -> dict[str, object]:
    return {"replay": {"id": name} | more}


def checkpoint(
    stage: str = "fetch", round: int = 1, seconds: float = 1.5, at: float = START
) -> Checkpoint:
    return Checkpoint(round, stage, "{}", False, seconds, at)


def started_event(claimed: Claimed) -> Event:
    run = claimed.run
    data = RunStarted(
        job_id=run.job_id,
        generation=run.generation,
        issue_url=run.issue_url,
        repository=run.repository,
        trace="t",
    )
    return Event.about(data, "2001-09-09T01:46:40.000Z")
