"""Submissions and rows for the tests of the store."""

from pipeline.outcome import Event, RunStarted
from pipeline.store.contract import Checkpoint, Claim, Claimed, Submission
from pipeline.store.store import RunStore
from tests.stand_ins.runs import LEASE, START, job


def submit(store: RunStore, redrive_of: int | None = None, **fields: object) -> Claim:
    return store.claim(Submission.of(job(**fields), redrive_of=redrive_of), lease_seconds=LEASE)  # type: ignore[arg-type]


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
