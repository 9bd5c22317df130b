"""The spans that the engine records, and what it passes on of a trace."""

import asyncio
from pathlib import Path

import pytest

from pipeline.engine.engine import Ended
from pipeline.errors import LeaseLost, Retry
from pipeline.job import FixIssueJob
from pipeline.outcome import Outcome
from pipeline.stage import Back, RunContext, Stop
from pipeline.store.contract import Submission
from tests.stand_ins.runs import LEASE, Answer, Bench, job, never, raises
from tests.stand_ins.spans import Spans

PATIENCE = 20.0
SENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def spans() -> Spans:
    return Spans()


@pytest.fixture
def bench(tmp_path: Path, spans: Spans) -> Bench:
    return Bench(tmp_path, tracer=spans.tracer)


async def deliver(bench: Bench, requested: FixIssueJob | None = None) -> None:
    """Deliver the run once, and release its lease if it has not ended."""
    claimed = bench.claim(requested)
    if not isinstance(await bench.engine.execute(claimed), Ended):
        bench.store.release(claimed.lease)


async def test_a_run_has_deliveries_rounds_and_stages(bench: Bench, spans: Spans):
    bench.does("propose", lambda run: Back("propose", "again"), bench.stages["propose"].does[0])
    await deliver(bench)
    assert spans.root().outline() == [
        "run",
        [
            "delivery",
            ["round", ["stage fetch"], ["stage prepare"], ["stage propose"]],
            ["round", ["stage propose"], ["stage close"]],
        ],
    ]


async def test_spans_say_which_run_which_round_and_how_it_ended(bench: Bench, spans: Spans):
    await deliver(bench)
    root = spans.root()
    run = bench.stored_run()
    identity = {
        "coding_agent.job_id": run.job_id,
        "coding_agent.generation": 0,
        "coding_agent.repository": "octo/repo",
        "coding_agent.trace": run.key.trace,
    }
    assert root.attributes == identity | {
        "coding_agent.outcome": "pr_opened",
        "coding_agent.cost_usd": 0.0,
        "coding_agent.round": 0,
        "coding_agent.delivery": 1,
    }
    (delivery,) = root.children
    assert delivery.attributes == identity | {"coding_agent.delivery": 1}
    stages = [node for node in root.walk() if node.name.startswith("stage")]
    assert stages[0].attributes == {"coding_agent.stage": "fetch", "coding_agent.round": 1}
    assert stages[-1].attributes["coding_agent.outcome"] == "pr_opened"


async def test_a_run_that_waits_is_one_trace_of_several_deliveries(bench: Bench, spans: Spans):
    bench.does("prepare", raises(Retry("the index is down", 1.0)), bench.stages["prepare"].does[0])
    await deliver(bench)
    await deliver(bench)
    root = spans.root()
    assert [child.outline() for child in root.children] == [
        ["delivery", ["round", ["stage fetch"], ["stage prepare"]]],
        ["delivery", ["round", ["stage prepare"], ["stage propose"], ["stage close"]]],
    ]
    first, second = root.children
    assert first.attributes["coding_agent.ending"] == "deferred"
    assert second.attributes["coding_agent.delivery"] == 2
    assert root.named("stage prepare")[0].attributes["error.type"] == "Retry"


async def test_runs_at_the_same_time_do_not_mix(bench: Bench, spans: Spans):
    both_are_in = asyncio.Barrier(2)

    async def meet(run: RunContext) -> Answer:
        await asyncio.wait_for(both_are_in.wait(), PATIENCE)
        with run.span("task", {}):
            await asyncio.wait_for(both_are_in.wait(), PATIENCE)
            with run.span("part of the task", {}):
                return Stop(Outcome.NO_FIX, f"nothing to do for {run.job_id}")

    bench.does("fetch", meet)
    await asyncio.gather(deliver(bench, job(1)), deliver(bench, job(2)))
    stage = ["stage fetch", ["task", ["part of the task"]]]
    for root in spans.roots():
        assert root.outline() == ["run", ["delivery", ["round", stage]]]
        assert len({span.span.context.trace_id for span in root.walk()}) == 1
    assert len(spans.roots()) == 2


async def test_an_interrupted_delivery_says_so(bench: Bench, spans: Spans):
    entered = asyncio.Event()

    async def hang(run: RunContext) -> Answer:
        entered.set()
        return await never(run)

    bench.does("propose", hang)
    task = asyncio.create_task(bench.engine.execute(bench.claim()))
    await asyncio.wait_for(entered.wait(), PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (delivery,) = spans.roots()
    assert delivery.outline() == [
        "delivery",
        ["round", ["stage fetch"], ["stage prepare"], ["stage propose"]],
    ]
    assert delivery.attributes["coding_agent.ending"] == "interrupted"


async def test_a_lost_lease_is_the_error_of_its_delivery(bench: Bench, spans: Spans):
    def lose(run: RunContext) -> Answer:
        bench.clock.now += LEASE + 1
        bench.claim()
        return bench.stages["fetch"].does[0](run)  # type: ignore[return-value]

    bench.does("prepare", lose)
    with pytest.raises(LeaseLost):
        await bench.engine.execute(bench.claim())
    (delivery,) = spans.roots()
    assert delivery.attributes["error.type"] == "LeaseLost"


async def test_a_failed_run_is_an_error(bench: Bench, spans: Spans):
    await bench.engine.give_up(bench.claim(), "its worker died 5 times")
    root = spans.root()
    assert root.outline() == ["run"]
    assert root.attributes["error.type"] == "failed"
    assert "died" not in str(root.attributes)


async def test_a_senders_trace_goes_on_into_both_events(bench: Bench, spans: Spans):
    await deliver(bench, job(metadata={"traceparent": SENT}))
    context = spans.root().span.context
    expected = f"00-{SENT[3:35]}-{context.span_id:016x}-01"
    events = bench.published()
    assert [event.traceparent for event in events] == [expected, expected]
    assert [event.attributes["traceparent"] for event in events] == [expected, expected]
    assert {event.data.trace for event in events} == {bench.stored_run().key.trace}


async def test_without_a_tracer_only_a_senders_trace_goes_on(tmp_path: Path):
    bench = Bench(tmp_path)
    await deliver(bench, job(1, metadata={"traceparent": SENT}))
    bench.clock.now += 1
    await deliver(bench, job(2))
    traceparents = [event.traceparent for event in bench.published()]
    assert traceparents == [SENT, SENT, None, None]
    assert '"traceparent"' not in bench.published()[-1].model_dump_json()


async def test_the_first_message_of_a_run_decides_its_trace(bench: Bench, spans: Spans):
    bench.does("prepare", raises(Retry("the index is down", 1.0)), bench.stages["prepare"].does[0])
    first = bench.store.claim(Submission.of(job(), traceparent=SENT), lease_seconds=LEASE)
    await bench.engine.execute(first)  # type: ignore[arg-type]
    bench.store.release(first.lease)  # type: ignore[union-attr]
    again = SENT.replace("4bf9", "aaaa")
    second = bench.store.claim(Submission.of(job(), traceparent=again), lease_seconds=LEASE)
    await bench.engine.execute(second)  # type: ignore[arg-type]
    assert {f"{span.context.trace_id:032x}" for span in spans.all} == {SENT[3:35]}


async def test_a_restored_stage_says_so(bench: Bench, spans: Spans):
    bench.does("propose", raises(Retry("down", 1.0)), bench.stages["propose"].does[0])
    bench.does("close", lambda run: Stop(Outcome.NO_FIX, "enough"))
    await deliver(bench)
    await deliver(bench)
    restored = spans.root().named("stage prepare")[1]
    assert restored.attributes["coding_agent.ending"] == "restored"
