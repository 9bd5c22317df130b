"""Log lines of a stage's work have its name, whatever thread or task writes them."""

import asyncio
import io
import json
import logging
from pathlib import Path

import pytest

from pipeline import telemetry
from pipeline.outcome import Outcome
from pipeline.stage import Back, RunContext, Stop
from tests.stand_ins.runs import Answer, Bench, Proposed

log = logging.getLogger("stages.something")


@pytest.fixture(autouse=True)
def configure_log(stream: io.StringIO) -> None:
    telemetry.configure(stream=stream)


async def test_a_line_names_stage_and_round_in_threads_and_tasks(
    tmp_path: Path, stream: io.StringIO
):
    bench = Bench(tmp_path)

    async def propose(run: RunContext) -> Answer:
        await asyncio.gather(asyncio.to_thread(log.info, "in a thread"), in_a_task())
        return Proposed(text="patch") if run.round == 2 else Back("propose", "try again")

    async def in_a_task() -> None:
        log.info("in a task")

    bench.does("propose", propose)
    bench.does("close", lambda run: Stop(Outcome.NO_FIX, "enough"))
    await bench.engine.execute(bench.claim())
    log.info("after the run")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    places = [(line["message"], line.get("stage"), line.get("round")) for line in lines]
    assert sorted(places[:-1]) == [
        ("in a task", "propose", 1),
        ("in a task", "propose", 2),
        ("in a thread", "propose", 1),
        ("in a thread", "propose", 2),
    ]
    assert places[-1] == ("after the run", None, None)
