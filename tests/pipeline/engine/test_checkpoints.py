from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from pipeline.artifacts.folder import FolderArtifacts
from pipeline.engine import checkpoints
from pipeline.errors import LeaseLost
from pipeline.job import FIX_ISSUE
from pipeline.leased_run import LeasedRun, read_result
from pipeline.store.contract import Checkpoint, Claimed, Round
from tests.stand_ins.runs import START, Bench, Fetched, Proposed


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def point(stage: str, round: int = 1) -> Checkpoint:
    return Checkpoint(round, stage, "{}", False, 0.0, START)


def valid_rounds(bench: Bench, points: list[Checkpoint], rounds: list[Round]) -> dict[str, int]:
    pipeline = bench.engine._deps.pipelines[FIX_ISSUE]
    return {
        name: checkpoint.round
        for name, checkpoint in checkpoints.find_valid(pipeline, points, rounds).items()
    }


def test_a_round_drops_the_results_of_its_target_and_later_stages(bench: Bench):
    first = [point("fetch"), point("prepare"), point("propose")]
    assert valid_rounds(bench, first, []) == {"fetch": 1, "prepare": 1, "propose": 1}
    assert valid_rounds(bench, first, [Round(2, "propose", "red")]) == {"fetch": 1, "prepare": 1}
    second = [*first, point("propose", 2)]
    assert valid_rounds(bench, second, [Round(2, "propose", "red")]) == {
        "fetch": 1,
        "prepare": 1,
        "propose": 2,
    }
    rounds = [Round(2, "propose", "red"), Round(3, "prepare", "worse")]
    assert valid_rounds(bench, second, rounds) == {"fetch": 1}
    assert valid_rounds(bench, [*second, point("prepare", 3)], rounds) == {"fetch": 1, "prepare": 3}


def test_the_result_of_a_removed_stage_is_ignored(bench: Bench):
    assert valid_rounds(bench, [point("fetch"), point("removed")], []) == {"fetch": 1}


def leased(bench: Bench, claimed: Claimed) -> LeasedRun:
    return LeasedRun(bench.store, bench.artifacts, claimed.lease, bench.clock)


async def test_a_result_is_read_back_as_it_was_written(bench: Bench):
    run = leased(bench, bench.claim())
    results: dict[str, BaseModel] = {
        "fetch": Fetched(title="ü 🎉\n"),
        "propose": Proposed(text="x" * 250_000),
    }
    for stage, result in results.items():
        await run.save_result(result, round=1, stage=stage, seconds=1.0)
        stored = (await run.checkpoints())[-1]
        assert await run.read_result(stored, type(result)) == result
    small, large = await run.checkpoints()
    assert not small.offloaded
    assert large.offloaded and len(large.result) < 200


async def test_a_worker_that_lost_its_lease_overwrites_no_stored_result(bench: Bench):
    first = leased(bench, bench.claim())
    bench.clock.now += 60
    second = leased(bench, bench.claim())
    result = Proposed(text="b" * 250_000)
    await second.save_result(result, round=1, stage="propose", seconds=1.0)
    with pytest.raises(LeaseLost):
        await first.save_result(Proposed(text="a" * 250_000), round=1, stage="propose", seconds=1.0)
    (stored,) = await second.checkpoints()
    assert await second.read_result(stored, Proposed) == result


def test_a_result_of_another_shape_is_refused(tmp_path: Path):
    checkpoint = Checkpoint(1, "fetch", '{"x": 1}', False, 0, 0)
    with pytest.raises(ValidationError):
        read_result(FolderArtifacts(tmp_path), checkpoint, Fetched)


async def test_a_remembered_text_of_any_length_is_the_same_on_any_machine(bench: Bench):
    texts = iter(["x" * 250_000, "another"])

    async def make() -> str:
        return next(texts)

    claimed = bench.claim()
    first = await leased(bench, claimed).remember("1/step", make)
    assert first == "x" * 250_000
    assert await leased(bench, claimed).remember("1/step", make) == first


async def test_a_worker_that_lost_its_lease_remembers_nothing(bench: Bench):
    async def make() -> str:
        return "late"

    run = leased(bench, bench.claim())
    bench.clock.now += 60
    bench.claim()
    with pytest.raises(LeaseLost):
        await run.remember("choice", make)
