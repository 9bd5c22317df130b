"""One job in one process, without a queue."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from github import GithubException

from pipeline.errors import CredentialsRefused, Retry
from pipeline.outcome import Event, Outcome, RunResult
from pipeline.stage import RunContext
from pipeline.worker import one_job as local
from pipeline.worker.one_job import AlreadyRunning, run_job
from tests.stand_ins.runs import Answer, Bench, Fetched, Proposed, job, never, raises

PATIENCE = 20.0


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def no_wait(seconds: float, reason: str) -> None:
    raise AssertionError(f"waited {seconds} s: {reason}")


async def run(bench: Bench, on_wait: Callable[[float, str], None] = no_wait) -> tuple[Event, bool]:
    return await asyncio.wait_for(
        run_job(job(), bench.store, bench.engine, on_wait=on_wait), PATIENCE
    )


async def test_a_job_runs_to_its_end_and_returns_its_event(bench: Bench):
    event, before = await run(bench)
    assert isinstance(event.data, RunResult) and event.data.outcome is Outcome.PR_OPENED
    assert not before
    assert event == bench.published()[-1]


async def test_a_finished_job_returns_its_event_and_runs_nothing(bench: Bench):
    event, _ = await run(bench)
    bench.log.ran.clear()
    assert await run(bench) == (event, True)
    assert bench.log.ran == []


async def test_a_deferred_run_is_reported_and_tried_again(bench: Bench):
    waits: list[tuple[float, str]] = []
    bench.does("propose", raises(Retry("GitHub's rate limit", 0.0)), lambda run: Proposed(text="x"))
    event, _ = await run(bench, lambda seconds, why: waits.append((seconds, why)))
    assert isinstance(event.data, RunResult) and event.data.outcome is Outcome.PR_OPENED
    assert waits == [(0.0, "GitHub's rate limit")]
    assert bench.log.ran == ["fetch", "prepare", "propose", "propose", "close"]


async def test_refused_credentials_end_the_call_at_once_but_not_the_run(bench: Bench):
    refused = GithubException(401, {"message": "Bad credentials"}, {})
    bench.does("fetch", raises(refused), lambda run: Fetched(title="t"))
    with pytest.raises(CredentialsRefused, match="check GITHUB_TOKEN"):
        await run(bench)
    event, had_ended = await run(bench)
    assert event.data.outcome is Outcome.PR_OPENED and not had_ended  # type: ignore[union-attr]


async def test_a_run_of_another_process_is_left_alone(bench: Bench):
    bench.claim()
    with pytest.raises(AlreadyRunning, match="another process is working on this job"):
        await run(bench)
    assert bench.log.ran == []


def hanging(bench: Bench) -> asyncio.Event:
    entered = asyncio.Event()

    async def hang(run: RunContext) -> Answer:
        entered.set()
        return await never(run)

    bench.does("propose", hang)
    return entered


async def test_a_run_stopped_by_its_user_resumes_at_the_next_call(bench: Bench):
    entered = hanging(bench)
    task = asyncio.create_task(run(bench))
    await asyncio.wait_for(entered.wait(), PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    bench.does("propose", lambda run: Proposed(text="x"))
    await run(bench)
    assert bench.log.ran == ["fetch", "prepare", "propose", "propose", "close"]


async def test_a_cancellation_ends_the_run_at_the_next_heartbeat(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(local, "LEASE_SECONDS", 0.3)
    entered = hanging(bench)
    task = asyncio.create_task(run(bench))
    await asyncio.wait_for(entered.wait(), PATIENCE)
    bench.store.request_cancel(job().id)
    event, _ = await task
    assert isinstance(event.data, RunResult) and event.data.outcome is Outcome.CANCELLED


async def test_a_run_taken_over_by_another_process_is_abandoned(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(local, "LEASE_SECONDS", 0.3)
    entered = hanging(bench)
    task = asyncio.create_task(run(bench))
    await asyncio.wait_for(entered.wait(), PATIENCE)
    bench.clock.now += 10
    other_claim = bench.claim()
    with pytest.raises(AlreadyRunning, match="another process has taken over this job"):
        await task
    row = bench.store.run(job().id)
    assert row is not None and (row.state, row.tries) == ("running", 0)
    bench.store.renew(other_claim.lease, lease_seconds=60)
