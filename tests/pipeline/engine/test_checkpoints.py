from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.artifacts.folder import FolderArtifacts
from pipeline.engine import checkpoints
from pipeline.run_key import RunKey
from pipeline.store.contract import Checkpoint, Round
from tests.stand_ins.runs import START, Bench, Fetched, Proposed


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def point(stage: str, round: int = 1) -> Checkpoint:
    return Checkpoint(round, stage, "{}", False, 0.0, START)


def standing(bench: Bench, points: list[Checkpoint], rounds: list[Round]) -> dict[str, int]:
    pipeline = bench.engine._parts.pipeline
    return {
        name: kept.round for name, kept in checkpoints.standing(pipeline, points, rounds).items()
    }


def test_a_round_lets_go_of_the_stage_it_went_back_to_and_of_what_follows(bench: Bench):
    first = [point("fetch"), point("prepare"), point("propose")]
    assert standing(bench, first, []) == {"fetch": 1, "prepare": 1, "propose": 1}
    assert standing(bench, first, [Round(2, "propose", "red")]) == {"fetch": 1, "prepare": 1}
    second = [*first, point("propose", 2)]
    assert standing(bench, second, [Round(2, "propose", "red")]) == {
        "fetch": 1,
        "prepare": 1,
        "propose": 2,
    }
    rounds = [Round(2, "propose", "red"), Round(3, "prepare", "worse")]
    assert standing(bench, second, rounds) == {"fetch": 1}
    assert standing(bench, [*second, point("prepare", 3)], rounds) == {"fetch": 1, "prepare": 3}


def test_the_result_of_a_stage_that_is_gone_is_left_aside(bench: Bench):
    assert standing(bench, [point("fetch"), point("abolished")], []) == {"fetch": 1}


def test_a_result_is_read_back_as_it_was_written(bench: Bench):
    held = bench.claim()
    for stage, result in (
        ("fetch", Fetched(title="ü 🎉\n")),
        ("propose", Proposed(text="x" * 250_000)),
    ):
        checkpoints.write(
            bench.store,
            bench.artifacts,
            held.lease,
            result,
            round=1,
            stage=stage,
            seconds=1.0,
            now=START,
        )
        stored = bench.store.checkpoints(RunKey(held.lease.job_id, 0))[-1]
        assert checkpoints.read(bench.artifacts, stored, type(result)) == result
    small, large = bench.store.checkpoints(RunKey(held.lease.job_id, 0))
    assert not small.offloaded
    assert large.offloaded and len(large.result) < 200


def test_a_worker_that_lost_its_lease_writes_over_no_stored_result(bench: Bench):
    first = bench.claim()
    bench.clock.now += 60
    second = bench.claim()

    def write(lease: object, text: str) -> None:
        checkpoints.write(
            bench.store,
            bench.artifacts,
            lease,
            Proposed(text=text * 250_000),
            round=1,
            stage="propose",
            seconds=1.0,
            now=START,
        )  # type: ignore[arg-type]

    write(second.lease, "b")
    with pytest.raises(Exception, match="lease"):
        write(first.lease, "a")
    (stored,) = bench.store.checkpoints(RunKey(first.lease.job_id, 0))
    assert checkpoints.read(bench.artifacts, stored, Proposed) == Proposed(text="b" * 250_000)


def test_a_result_of_another_shape_is_no_result(bench: Bench, tmp_path: Path):
    with pytest.raises(ValidationError):
        checkpoints.read(
            FolderArtifacts(tmp_path), Checkpoint(1, "fetch", '{"x": 1}', False, 0, 0), Fetched
        )
