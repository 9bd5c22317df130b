"""Every log line that a worker writes about a run names the run and its trace."""

import io
import json
from typing import Any

import pytest

from pipeline import telemetry
from pipeline.run_key import RunKey
from tests.pipeline.worker.world import World
from tests.stand_ins.runs import job

SENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def stream(stream: io.StringIO) -> io.StringIO:
    telemetry.configure(stream=stream)
    return stream


def lines_about_runs(stream: io.StringIO) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in lines if line["logger"].startswith("pipeline.worker.deliveries")]


async def test_lines_name_job_generation_and_trace(world: World, stream: io.StringIO):
    world.engine.script = world.engine.fail
    async with world.working():
        await world.send(job(1))
        await world.queue.next_action()
        await world.send("{}")
        await world.queue.next_action()
    *about_run, about_nothing = lines_about_runs(stream)
    assert [line["message"].partition(":")[0] for line in about_run] == [
        "ended",
        "moving the message to the dead-letter queue",
    ]
    for line in about_run:
        assert (line["job_id"], line["generation"]) == (job(1).id, 0)
        assert line["trace"] == RunKey(job(1).id, 0).trace
        assert "trace_id" not in line
    assert "job_id" not in about_nothing
    assert about_nothing["message_id"]


async def test_a_senders_trace_is_named_besides(world: World, stream: io.StringIO):
    async with world.working():
        await world.send(job(1), traceparent=SENT)
        await world.queue.next_action()
    (line,) = lines_about_runs(stream)
    assert line["trace_id"] == SENT[3:35]
    assert line["trace"] == RunKey(job(1).id, 0).trace
