"""How a run goes through its stages, with four small ones: fetch, prepare, propose, close."""

import asyncio
import json
import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest
from github import GithubException

from pipeline.budget import EffectiveLimits
from pipeline.engine.deps import workspace_of
from pipeline.engine.engine import MAX_TRIES, Deferred, Ended
from pipeline.errors import Halt, LeaseLost, Retry
from pipeline.job import FixIssueJob, InvalidJob, parse_job
from pipeline.outcome import Event, EventType, Facts, Outcome, RunResult, RunStarted, Verification
from pipeline.policy import Allowed
from pipeline.run_key import RunKey
from pipeline.stage import Back, RunContext, Stop
from pipeline.store.contract import Claimed, ClaimedInvalid, Finished, Submission
from tests.stand_ins.runs import (
    LEASE,
    TOPIC,
    Answer,
    Bench,
    Clock,
    Does,
    Fetched,
    Prepared,
    Proposed,
    job,
    never,
    raises,
    reply,
)

PATIENCE = 20.0


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def run_to_end(
    bench: Bench, requested: FixIssueJob | None = None, machine: str = "one"
) -> RunResult:
    """Deliver the run, which must end it."""
    answer = await bench.machine(machine).execute(bench.claim(requested))
    assert isinstance(answer, Ended), answer
    return answer.result


async def run_until_deferred(bench: Bench, requested: FixIssueJob | None = None) -> Deferred:
    """Deliver the run, which must be deferred, and release its lease."""
    claimed = bench.claim(requested)
    answer = await bench.engine.execute(claimed)
    assert isinstance(answer, Deferred), answer
    bench.store.release(claimed.lease)
    return answer


async def interrupt(bench: Bench, stage: str, *before: Does) -> Claimed:
    """Deliver the run, cancel the work while ``stage`` hangs, and release the lease.

    ``before``: what the stage does at its earlier calls.
    """
    usual = bench.stages[stage].does
    entered = asyncio.Event()

    async def hang(run: RunContext) -> Answer:
        entered.set()
        return await never(run)

    bench.does(stage, *before, hang)
    claimed = bench.claim()
    task = asyncio.create_task(bench.engine.execute(claimed))
    await asyncio.wait_for(entered.wait(), PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    bench.stages[stage].does = usual
    bench.store.release(claimed.lease)
    return claimed


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that measures the run's seconds; the event loop has its own."""
    clock = Clock(0.0)
    monkeypatch.setattr("pipeline.budget.time", SimpleNamespace(monotonic=clock))
    return clock


def reject(run: RunContext) -> Answer:
    return Stop(Outcome.REJECTED, "the issue is closed")


# A whole run


async def test_a_run_executes_its_stages_in_order_and_ends_once(bench: Bench):
    result = await run_to_end(bench, job(metadata={"team": "a"}))
    assert bench.log.ran == ["fetch", "prepare", "propose", "close"]
    assert bench.log.restored == []
    assert (result.outcome, result.reason, result.metadata) == (
        Outcome.PR_OPENED,
        "pull request #1",
        {"team": "a"},
    )
    answer = bench.store.claim(Submission.of(job()), lease_seconds=LEASE)
    assert isinstance(answer, Finished)
    assert answer.run.result == result.model_dump_json()


async def test_the_result_has_all_stages_facts_and_later_ones_win(bench: Bench):
    facts = Facts(verification=Verification.SUITE_PASSES, branch="b", artifacts={"log": "logs/1"})
    bench.does("close", lambda run: Stop(Outcome.PR_OPENED, "done", facts))
    result = await run_to_end(bench)
    assert (result.base_sha, result.branch, result.verification) == (
        "b" * 40,
        "b",
        Verification.SUITE_PASSES,
    )
    assert result.artifacts == {
        "patch": bench.artifacts.address("patches/patch-1"),
        "log": bench.artifacts.address("logs/1"),
    }


async def test_run_started_is_published_once_and_first(bench: Bench):
    await run_to_end(bench)
    first, second = bench.published()
    assert isinstance(first.data, RunStarted) and isinstance(second.data, RunResult)
    assert first.data.base_sha == "b" * 40
    assert first.data.trace == second.data.trace
    assert first.time == second.time == "2001-09-09T01:46:40.000Z"


async def test_the_event_id_does_not_depend_on_place_or_time(bench: Bench):
    await run_to_end(bench)
    finished = bench.published()[1]
    later = Event.about(finished.data, "2031-01-01T00:00:00.000Z")
    assert (finished.id, finished.type) == (later.id, EventType.FINISHED)


@pytest.mark.parametrize("stage", ["fetch", "prepare"])
async def test_a_rejected_run_was_never_started(bench: Bench, stage: str):
    bench.does(stage, reject)
    result = await run_to_end(bench)
    assert (result.outcome, result.reason, result.rounds, result.cost_usd) == (
        Outcome.REJECTED,
        "the issue is closed",
        0,
        0.0,
    )
    assert [event.type for event in bench.published()] == [EventType.FINISHED]


async def test_an_invalid_job_is_rejected_with_its_metadata(bench: Bench):
    body = json.dumps({"issue_url": job().issue_url, "urgent": True, "metadata": {"team": "a"}})
    with pytest.raises(InvalidJob) as caught:
        parse_job(body)
    submission = Submission(caught.value, body)
    claimed = bench.store.claim(submission, lease_seconds=LEASE)
    assert isinstance(claimed, ClaimedInvalid)
    result = await bench.engine.reject(claimed)
    assert (result.outcome, result.reason, result.metadata) == (
        Outcome.REJECTED,
        "urgent: unknown field",
        {"team": "a"},
    )
    assert [event.data for event in bench.published()] == [result]


async def test_the_workspace_is_removed_when_a_run_ends(bench: Bench):
    await run_to_end(bench)
    assert list((bench.folder / "one").iterdir()) == []


async def test_an_observer_receives_each_stage_and_the_end(bench: Bench):
    bench.does("propose", lambda run: Back("propose", "bad"), lambda run: Proposed(text="good"))
    await run_to_end(bench)
    assert [(progress.kind, progress.stage, progress.round) for progress in bench.progress] == [
        ("started", "fetch", 1),
        ("finished", "fetch", 1),
        ("started", "prepare", 1),
        ("finished", "prepare", 1),
        ("started", "propose", 1),
        ("back", "propose", 1),
        ("started", "propose", 2),
        ("finished", "propose", 2),
        ("started", "close", 2),
        ("finished", "close", 2),
        ("ended", "", 0),
    ]


# Interruptions and resuming


@pytest.mark.parametrize("stage", ["fetch", "prepare", "propose", "close"])
async def test_a_run_resumes_at_the_first_stage_without_a_checkpoint(bench: Bench, stage: str):
    await interrupt(bench, stage)
    before = ["fetch", "prepare", "propose", "close"]
    assert bench.log.ran == before[: before.index(stage) + 1]
    bench.log.ran.clear()
    result = await run_to_end(bench, machine="another")
    assert result.outcome is Outcome.PR_OPENED
    assert bench.log.ran == before[before.index(stage) :]
    assert bench.log.restored == (["prepare"] if stage in ("propose", "close") else [])
    assert [event.type for event in bench.published()] == [EventType.STARTED, EventType.FINISHED]


async def test_an_interruption_counts_against_no_limit(bench: Bench):
    for _ in range(MAX_TRIES + 1):
        await interrupt(bench, "propose")
    run = bench.store.run(job().id)
    assert run is not None and (run.tries, run.round, run.state) == (0, 1, "queued")
    assert (await run_to_end(bench)).outcome is Outcome.PR_OPENED


async def test_local_state_is_restored_once_per_delivery(
    bench: Bench,
):
    await interrupt(bench, "propose")
    bench.does("propose", lambda run: Back("propose", "bad"), lambda run: Proposed(text="good"))
    await run_to_end(bench)
    assert bench.log.restored == ["prepare"]
    assert bench.log.ran.count("prepare") == 1


async def test_restoring_does_not_count_as_the_runs_time(bench: Bench, stopwatch: Clock):
    await interrupt(bench, "propose")
    restore = bench.stages["prepare"].restore  # type: ignore[attr-defined]

    async def slow(result: object, run: RunContext) -> None:
        stopwatch.now += 1000
        await restore(result, run)

    def work(run: RunContext) -> Answer:
        stopwatch.now += 5
        return Proposed(text="good")

    bench.stages["prepare"].restore = slow  # type: ignore[attr-defined]
    bench.does("propose", work)
    assert (await run_to_end(bench)).seconds == 5


async def test_a_worker_that_lost_its_lease_stops_and_changes_nothing(bench: Bench):
    claimed = bench.claim()

    def taken_over(run: RunContext) -> Answer:
        bench.clock.now += LEASE
        bench.claim()
        return Proposed(text="late")

    bench.does("propose", taken_over)
    with pytest.raises(LeaseLost):
        await bench.engine.execute(claimed)
    assert [c.stage for c in bench.store.checkpoints(RunKey(job().id, 0))] == ["fetch", "prepare"]
    run = bench.store.run(job().id)
    assert run is not None and (run.state, run.tries) == ("running", 0)


async def test_a_large_result_is_stored_as_an_artifact_and_resumes(bench: Bench):
    bench.does("fetch", lambda run: Fetched(title="x" * 300_000))
    await interrupt(bench, "propose")
    stored = bench.store.checkpoints(RunKey(job().id, 0))[0]
    assert stored.offloaded and len(stored.result) < 200
    assert len(bench.artifacts.get(stored.result)) > 300_000
    assert (await run_to_end(bench, machine="another")).base_sha == "b" * 40


# Rounds


async def test_going_back_opens_a_round_with_feedback_and_keeps_earlier_results(bench: Bench):
    bench.does(
        "propose",
        lambda run: Back("propose", "two tests are red"),
        lambda run: Proposed(text="second"),
    )
    result = await run_to_end(bench)
    assert bench.log.feedback == [
        ("fetch", None),
        ("prepare", None),
        ("propose", None),
        ("propose", "two tests are red"),
        ("close", "two tests are red"),
    ]
    assert [(c.round, c.stage) for c in bench.store.checkpoints(RunKey(job().id, 0))] == [
        (1, "fetch"),
        (1, "prepare"),
        (2, "propose"),
    ]
    assert result.outcome is Outcome.PR_OPENED


async def test_a_round_survives_an_interruption(tmp_path: Path):
    bench = Bench(tmp_path, limits=EffectiveLimits(1.0, 30.0, 2))
    await interrupt(bench, "propose", lambda run: Back("propose", "red"))
    bench.does(
        "propose", lambda run: Back("propose", f"red in round {run.round} after {run.feedback}")
    )
    result = await run_to_end(bench, machine="another")
    assert (result.outcome, result.reason) == (
        Outcome.NO_FIX,
        "no fix in 2 rounds; the last: red in round 2 after red",
    )


async def test_going_back_in_the_last_round_is_no_fix(bench: Bench):
    bench.does("propose", lambda run: Back("propose", f"round {run.round} is red\nlong log"))
    result = await run_to_end(bench)
    assert (result.outcome, result.reason) == (
        Outcome.NO_FIX,
        "no fix in 3 rounds; the last: round 3 is red",
    )
    assert bench.log.ran.count("propose") == 3


async def test_a_job_may_lower_the_rounds_but_not_raise_them(bench: Bench):
    bench.does("propose", lambda run: Back("propose", "red"))
    assert "in 1 round;" in (await run_to_end(bench, job(1, limits={"max_rounds": 1}))).reason
    assert "in 3 rounds" in (await run_to_end(bench, job(2, limits={"max_rounds": 50}))).reason


async def test_going_back_runs_all_stages_from_the_target_again(bench: Bench):
    bench.does(
        "propose",
        lambda run: Back("prepare", "the environment was wrong"),
        lambda run: Proposed(text="b"),
    )
    await run_to_end(bench)
    assert bench.log.ran == ["fetch", "prepare", "propose", "prepare", "propose", "close"]


@pytest.mark.parametrize("to", ["close", "nowhere"])
async def test_going_back_to_a_later_or_unknown_stage_is_a_defect(bench: Bench, to: str):
    bench.does("propose", lambda run: Back(to, "?"))
    await run_until_deferred(bench)
    error = bench.stored_run().last_error or ""
    assert f"went back to '{to}', which is not this or an earlier stage" in error


async def test_feedback_with_lone_surrogates_is_stored(bench: Bench):
    bench.does(
        "propose",
        lambda run: Back("propose", "red \ud800"),
        lambda run: Stop(Outcome.NO_FIX, "odd \udfff"),
    )
    result = await run_to_end(bench)
    assert result.reason == "odd ?"
    assert bench.log.feedback[-1] == ("propose", "red ?")


# Errors


async def test_a_defect_is_retried_and_then_fails_the_run(
    bench: Bench, caplog: pytest.LogCaptureFixture
):
    bench.does("propose", raises(KeyError("x")))
    for _ in range(MAX_TRIES - 1):
        answer = await run_until_deferred(bench)
        assert answer.reason.startswith("a defect in coding-agent") and answer.delay >= 0
    with caplog.at_level(logging.ERROR):
        result = await run_to_end(bench)
    assert result.outcome is Outcome.FAILED
    assert f"after {MAX_TRIES} tries" in result.reason and "replay" in result.reason
    assert "KeyError" not in result.reason
    assert caplog.records[-1].exc_info is not None
    assert bench.log.ran.count("fetch") == 1
    assert "KeyError" in (bench.stored_run().last_error or "")


async def test_a_retry_waits_for_its_delay(bench: Bench):
    bench.does(
        "propose", raises(Retry("GitHub's rate limit", 77.0)), lambda run: Proposed(text="x")
    )
    answer = await run_until_deferred(bench)
    assert (answer.delay, answer.reason) == (77.0, "GitHub's rate limit")
    assert (await run_to_end(bench)).outcome is Outcome.PR_OPENED


async def test_a_run_that_waits_for_others_uses_up_no_try(bench: Bench):
    bench.does("propose", raises(Retry("the day's money is used up", 3600.0, counts=False)))
    for _ in range(3 * MAX_TRIES):
        assert (await run_until_deferred(bench)).delay >= 3600.0
    run = bench.stored_run()
    assert (run.tries, run.waits, run.state) == (0, 3 * MAX_TRIES, "queued")


def outage(run: RunContext) -> Answer:
    raise GithubException(503, {"message": "Unavailable"}, {})


async def test_waits_grow_until_the_run_makes_progress(bench: Bench):
    bench.does("prepare", outage, outage, lambda run: Prepared(note="n"))
    bench.does("propose", outage)
    delays = [(await run_until_deferred(bench)).delay for _ in range(3)]
    assert 60 <= delays[0] <= 75
    assert 120 <= delays[1] <= 150
    assert 60 <= delays[2] <= 75, "preparing was progress"


async def test_a_run_outlasts_a_days_outage(bench: Bench):
    bench.does("fetch", outage)
    healed_at = bench.clock.now + 24 * 3600
    while bench.clock.now < healed_at:
        bench.clock.now += (await run_until_deferred(bench)).delay
    bench.does("fetch", lambda run: Fetched(title="t"))
    assert (await run_to_end(bench)).outcome is Outcome.PR_OPENED
    assert (bench.stored_run().tries, bench.stored_run().waits) == (0, 0)
    assert bench.log.ran.count("fetch") < 110, "about four requests an hour"


async def test_a_run_that_waited_for_days_fails_and_says_for_what(bench: Bench):
    bench.does("fetch", outage)
    await run_until_deferred(bench)
    bench.clock.now += 71 * 3600
    await run_until_deferred(bench)
    bench.clock.now += 3600
    result = await run_to_end(bench)
    assert result.outcome is Outcome.FAILED
    assert result.reason == (
        "GitHub is failing (see https://www.githubstatus.com) (after 72 hours of waiting);"
        " replay with a new replay id when fixed"
    )


async def test_a_failed_run_names_the_pull_request_that_it_had_opened(bench: Bench):
    async def open_and_break(run: RunContext) -> Answer:
        await run.intend("push", {"branch": "fix-42"})
        await run.record("push", {"sha": "a"})
        await run.intend("pull_request", {"title": "t"})
        await run.record("pull_request", {"number": 7})
        raise Halt(Outcome.FAILED, "GitHub does not allow labels")

    bench.does("close", open_and_break)
    result = await run_to_end(bench)
    assert (result.branch, result.pull_request_number) == ("fix-42", 7)
    assert result.reason == "GitHub does not allow labels; it had opened pull request #7"


async def test_a_failed_run_names_the_branch_that_it_had_pushed_or_may_have(bench: Bench):
    for number, is_recorded in ((1, True), (2, False)):

        async def push_and_break(run: RunContext, is_recorded: bool = is_recorded) -> Answer:
            await run.intend("push", {"branch": "fix-42"})
            if is_recorded:
                await run.record("push", {"sha": "a"})
            raise Halt(Outcome.FAILED, "GitHub refuses")

        bench.does("close", push_and_break)
        result = await run_to_end(bench, job(number))
        verb = "had pushed" if is_recorded else "may have pushed"
        assert result.branch == "fix-42"
        assert result.reason == f"GitHub refuses; it {verb} branch fix-42"


async def test_a_rejected_push_that_was_only_intended_names_no_branch(bench: Bench):
    async def rejected(run: RunContext) -> Answer:
        await run.intend("push", {"branch": "fix-42"})
        return Stop(Outcome.PROPOSED, "nothing was pushed: protected branch")

    bench.does("close", rejected)
    result = await run_to_end(bench)
    assert (result.branch, result.reason) == (None, "nothing was pushed: protected branch")


async def test_a_tool_may_end_the_run(bench: Bench):
    bench.does("propose", raises(Halt(Outcome.BUDGET_EXHAUSTED, "all spent")))
    result = await run_to_end(bench)
    assert (result.outcome, result.reason) == (Outcome.BUDGET_EXHAUSTED, "all spent")
    assert result.artifacts == {} and result.base_sha == "b" * 40


async def test_the_seconds_of_a_failed_try_count(bench: Bench, stopwatch: Clock):
    def slow(run: RunContext) -> Answer:
        stopwatch.now += 100
        raise RuntimeError("boom")

    bench.does("propose", slow)
    for _ in range(MAX_TRIES - 1):
        await run_until_deferred(bench)
    assert (await run_to_end(bench)).seconds == 100.0 * MAX_TRIES


async def test_a_run_with_unreadable_results_still_ends(bench: Bench):
    bench.does("fetch", lambda run: Fetched(title="x" * 300_000))
    await interrupt(bench, "propose")
    for path in bench.artifacts.root.rglob("*fetch*"):
        path.unlink()
    for _ in range(MAX_TRIES - 1):
        await run_until_deferred(bench)
    result = await run_to_end(bench)
    assert result.outcome is Outcome.FAILED and result.base_sha is None


async def test_an_error_message_with_lone_surrogates_is_stored(
    bench: Bench, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(
        logging.CRITICAL, "pipeline.engine.engine"
    )  # xdist can't transfer the log's text
    bench.does("propose", raises(ValueError("odd \ud800 text")))
    for _ in range(MAX_TRIES - 1):
        await run_until_deferred(bench)
    assert "odd ? text" in (bench.stored_run().last_error or "")
    assert (await run_to_end(bench)).outcome is Outcome.FAILED


# Limits and cancelling


async def test_a_run_stops_when_its_minutes_are_used_up(bench: Bench, stopwatch: Clock):
    def slow(run: RunContext) -> Answer:
        stopwatch.now += 30 * 60 - 0.05
        return Prepared(note="it took almost all of the time")

    bench.does("prepare", slow)
    bench.does("propose", never)
    result = await asyncio.wait_for(run_to_end(bench), PATIENCE)
    assert (result.outcome, result.reason) == (
        Outcome.BUDGET_EXHAUSTED,
        "30 minutes are used up, in propose",
    )
    assert result.base_sha == "b" * 40 and result.seconds == 30 * 60 - 0.05


async def test_minutes_used_by_earlier_deliveries_count(bench: Bench):
    claimed = await interrupt(bench, "propose")
    second = bench.claim()
    bench.store.count_try(second.lease, "a slow try", 30 * 60.0)
    bench.store.release(second.lease)
    bench.does("propose", never)
    result = await asyncio.wait_for(run_to_end(bench), PATIENCE)
    assert result.outcome is Outcome.BUDGET_EXHAUSTED and result.seconds >= 1800
    assert result.job_id == claimed.run.job_id


async def test_no_time_limit_cuts_the_last_stage_short(bench: Bench):
    await interrupt(bench, "close")
    second = bench.claim()
    bench.store.count_try(second.lease, "a slow try", 60 * 60.0)
    bench.store.release(second.lease)
    assert (await run_to_end(bench)).outcome is Outcome.PR_OPENED


async def test_a_stages_own_timeout_is_not_an_exhausted_budget(bench: Bench):
    bench.does("propose", raises(TimeoutError("the provider is slow")))
    assert "took too long" in (await run_until_deferred(bench)).reason


async def test_a_cancelled_run_ends_at_its_next_checkpoint(bench: Bench):
    def cancel_itself(run: RunContext) -> Answer:
        assert bench.store.request_cancel(run.job_id)
        return Proposed(text="x")

    bench.does("propose", cancel_itself)
    result = await run_to_end(bench)
    assert (result.outcome, result.reason) == (Outcome.CANCELLED, "cancelled on request")
    assert "close" not in bench.log.ran


async def test_a_run_cancelled_while_waiting_runs_no_stage(bench: Bench):
    await interrupt(bench, "close")
    bench.store.request_cancel(job().id)
    bench.log.ran.clear()
    assert (await run_to_end(bench)).outcome is Outcome.CANCELLED
    assert bench.log.ran == []


async def test_cancelling_the_work_of_a_cancelled_run_ends_it(bench: Bench):
    """As the worker does when a heartbeat reports the cancellation."""
    entered = asyncio.Event()

    async def hang(run: RunContext) -> Answer:
        entered.set()
        return await never(run)

    bench.does("propose", hang)
    task = asyncio.create_task(bench.engine.execute(bench.claim()))
    await asyncio.wait_for(entered.wait(), PATIENCE)
    bench.store.request_cancel(job().id)
    task.cancel()
    answer = await task
    assert isinstance(answer, Ended) and answer.result.outcome is Outcome.CANCELLED


async def test_a_cancellation_after_an_effect_is_too_late(bench: Bench):
    """An outcome that says cancelled must not deny a pull request that is there."""
    entered = asyncio.Event()

    async def push_and_hang(run: RunContext) -> Answer:
        await run.intend("push", {"branch": "b"})
        entered.set()
        return await never(run)

    usual = bench.stages["close"].does
    bench.does("close", push_and_hang)
    claimed = bench.claim()
    task = asyncio.create_task(bench.engine.execute(claimed))
    await asyncio.wait_for(entered.wait(), PATIENCE)
    bench.store.request_cancel(job().id)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    bench.store.release(claimed.lease)
    bench.stages["close"].does = usual
    assert (await run_to_end(bench)).outcome is Outcome.PR_OPENED


# Replays


async def test_a_replay_from_a_stage_inherits_earlier_results_at_no_cost(bench: Bench):
    async def buying(run: RunContext) -> Answer:
        async def call() -> object:
            return reply("bought", 0.25)

        bought = await run.ledger.buy("k", model="m", worst_usd=0.5, call=call)  # type: ignore[arg-type]
        return Proposed(text=bought.content)

    bench.does("propose", buying)
    first = await run_to_end(bench)
    bench.log.ran.clear()
    replay = await run_to_end(
        bench, job(replay={"id": "r", "from_stage": "close"}), machine="another"
    )
    assert bench.log.ran == ["close"] and bench.log.restored == ["prepare"]
    assert (first.cost_usd, first.rounds) == (0.25, 1)
    assert (replay.cost_usd, replay.rounds, replay.generation) == (0.0, 0, 1)
    assert replay.artifacts == first.artifacts and replay.base_sha == first.base_sha
    assert [event.data.generation for event in bench.published()] == [0, 0, 1, 1]


async def test_a_replay_inherits_the_results_of_the_last_round(bench: Bench):
    bench.does("propose", lambda run: Back("prepare", "red"), lambda run: Proposed(text="second"))
    await run_to_end(bench)
    result = await run_to_end(bench, job(replay={"id": "r", "from_stage": "close"}))
    assert result.artifacts["patch"].endswith("/second")


async def test_an_interrupted_inheritance_is_completed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    await run_to_end(bench)
    bench.log.ran.clear()
    save = bench.store.save_checkpoint
    remaining = [1]

    def dies(*arguments: object) -> bool:
        if not remaining:
            raise Retry("the store is gone", 0.0)
        remaining.pop()
        return save(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.store, "save_checkpoint", dies)
    requested = job(replay={"id": "r", "from_stage": "close"})
    await run_until_deferred(bench, requested)
    monkeypatch.setattr(bench.store, "save_checkpoint", save)
    await run_to_end(bench, requested)
    assert bench.log.ran == ["close"]


async def test_a_replay_runs_stages_that_the_last_generation_never_reached(bench: Bench):
    bench.does("prepare", reject)
    await run_to_end(bench)
    bench.log.ran.clear()
    bench.does("prepare", lambda run: Stop(Outcome.NO_CHANGE_NEEDED, "nothing to do"))
    await run_to_end(bench, job(replay={"id": "r", "from_stage": "close"}))
    assert bench.log.ran == ["prepare"]


async def test_a_replay_from_an_unknown_stage_is_rejected(bench: Bench):
    await run_to_end(bench)
    result = await run_to_end(bench, job(replay={"id": "r", "from_stage": "nowhere"}))
    assert result.outcome is Outcome.REJECTED
    assert "no stage 'nowhere'; there are fetch, prepare, propose, close" in result.reason


async def test_a_replay_without_a_stage_runs_everything_again(bench: Bench):
    await run_to_end(bench)
    bench.log.ran.clear()
    await run_to_end(bench, job(replay={"id": "r"}))
    assert bench.log.ran == ["fetch", "prepare", "propose", "close"]


# Services of a run for its stages


async def test_saved_artifacts_can_be_loaded_and_are_never_overwritten(bench: Bench):
    keys: list[str] = []

    async def saves(run: RunContext) -> Answer:
        keys.append(await run.save("a.diff", "ü"))
        keys.append(await run.save("a.diff", b"other"))
        assert (await run.load(keys[0]), await run.load(keys[1])) == ("ü".encode(), b"other")
        return Proposed(text="x")

    bench.does("propose", saves)
    await run_to_end(bench)
    assert keys[0] != keys[1]
    assert all(
        key.startswith(f"{job().id}/0/1/propose/") and key.endswith("a.diff") for key in keys
    )


async def test_an_effect_is_intended_once_and_known_to_later_generations(bench: Bench):
    results: list[object] = []

    async def pushes(run: RunContext) -> Answer:
        results.append(await run.intentions("push"))
        results.append(await run.intend("push", {"sha": f"sha-{run.generation}"}))
        results.append(await run.intend("push", {"sha": "another"}))
        await run.record("push", {"done": True})
        return Stop(Outcome.PR_OPENED, "done")

    bench.does("close", pushes)
    await run_to_end(bench)
    await run_to_end(bench, job(replay={"id": "r"}))
    assert results == [
        [],
        {"sha": "sha-0"},
        {"sha": "sha-0"},
        [{"sha": "sha-0"}],
        {"sha": "sha-1"},
        {"sha": "sha-1"},
    ]


def test_each_run_has_its_own_workspace(bench: Bench, tmp_path: Path):
    workspaces: set[Path] = set()
    for job_id in ("a:..:b", "other"):
        claimed = bench.claim(job(job_id=job_id))
        workspaces.add(workspace_of(tmp_path, claimed.lease.key))
    assert len(workspaces) == 2
    assert {workspace.parent for workspace in workspaces} == {tmp_path}


# Events


async def test_an_event_too_large_for_sns_points_to_an_artifact(bench: Bench):
    reason = "the tests say: ü" * 20_000
    bench.does("close", lambda run: Stop(Outcome.NO_FIX, reason))
    result = await run_to_end(bench, job(metadata={"team": "blue"}))
    (row,) = [row for row in bench.store.pending_events(10) if row.type == EventType.FINISHED]
    assert len(row.body.encode()) < 10_000
    event = Event.model_validate_json(row.body)
    assert isinstance(event.data, RunResult)
    assert (event.data, event.data.outcome, event.data.metadata) == (result, Outcome.NO_FIX, {})
    assert event.dataref == event.data.artifacts["result"]
    whole = RunResult.model_validate_json(
        Path(unquote(urlsplit(str(event.dataref)).path)).read_text()
    )
    assert (whole.reason, whole.metadata) == (reason, {"team": "blue"})
    assert whole.artifacts["patch"]
    assert row.attributes["outcome"] == "no_fix"


async def test_an_event_of_ordinary_size_has_no_dataref(bench: Bench):
    await run_to_end(bench)
    assert all("dataref" not in row.body for row in bench.store.pending_events(10))


@pytest.mark.parametrize(
    ("team", "goes_to"), [(None, TOPIC), ("team", f"{TOPIC}-team"), ("mallory", TOPIC)]
)
async def test_events_go_to_the_jobs_topic_only_if_it_is_allowed(
    bench: Bench, team: str | None, goes_to: str
):
    bench.policy = replace(bench.policy, allowed=Allowed(topics=(TOPIC, f"{TOPIC}-team")))
    result = await run_to_end(bench, job(callback_topic_arn=f"{TOPIC}-{team}" if team else None))
    assert {row.topic_arn for row in bench.store.pending_events(10)} == {goes_to}
    assert (result.outcome is Outcome.REJECTED) == (team == "mallory")


async def test_an_abandoned_run_fails_with_its_metadata(bench: Bench):
    result = await bench.engine.give_up(
        bench.claim(job(metadata={"team": "blue"})), "its worker died 5 times"
    )
    assert (result.outcome, result.reason, result.metadata) == (
        Outcome.FAILED,
        "its worker died 5 times",
        {"team": "blue"},
    )
    assert [event.data for event in bench.published()] == [result]
