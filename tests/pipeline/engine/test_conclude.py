"""A last stage that acts at the end of a run that did not reach it."""

from pathlib import Path

from pipeline.outcome import Outcome
from pipeline.stage import Back, RunContext, Stop
from tests.stand_ins.runs import Bench, Close


class Conclusion(Close):
    """The last stage, with what it was told."""

    def __init__(self, bench: Bench):
        super().__init__(bench.log, "close", lambda run: Stop(Outcome.PR_OPENED, "opened"))
        self.ends: list[Stop] = []

    async def conclude(self, stop: Stop, run: RunContext) -> None:
        assert run.stage == "close"
        self.ends.append(stop)


def with_conclusion(folder: Path) -> tuple[Bench, Conclusion]:
    bench = Bench(folder)
    last = Conclusion(bench)
    bench.stages["close"] = last
    bench.engine = bench.machine("one")
    return bench, last


async def test_the_last_stage_is_told_of_a_run_that_ends_before_it(tmp_path: Path) -> None:
    bench, last = with_conclusion(tmp_path)
    bench.does("propose", lambda run: Stop(Outcome.NEEDS_INFO, "which one?"))
    await bench.engine.execute(bench.claim())
    assert [stop.outcome for stop in last.ends] == [Outcome.NEEDS_INFO]


async def test_it_is_told_once_the_rounds_are_used_up(tmp_path: Path) -> None:
    bench, last = with_conclusion(tmp_path)
    bench.does("propose", lambda run: Back("propose", f"not yet, {run.round}"))
    await bench.engine.execute(bench.claim())
    assert [stop.outcome for stop in last.ends] == [Outcome.NO_FIX]


async def test_it_is_not_told_of_a_run_that_it_ends_itself(tmp_path: Path) -> None:
    bench, last = with_conclusion(tmp_path)
    await bench.engine.execute(bench.claim())
    assert last.ends == []
