"""The job that a replay makes."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from console.queues.replays import Overrides, replay_job
from pipeline.outcome import Outcome
from pipeline.store.contract import Finished, Submission
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.runs import LEASE, claim, finish, job


def test_a_replay_is_the_same_job_with_the_overrides() -> None:
    original = job(
        job_id="j",
        metadata={"a": "b"},
        limits={"max_rounds": 2, "max_cost_usd": 1},
        options={"labels": ["x"]},
    )
    overrides = Overrides(from_stage="propose_patch", model="m", max_cost_usd=5.0)
    replayed = replay_job(original, 3, overrides)
    assert replayed.id == original.id
    assert replayed.metadata == original.metadata
    assert replayed.options == original.options
    assert replayed.limits.max_rounds == 2
    assert replayed.limits.max_cost_usd == 5.0
    assert replayed.replay is not None
    assert replayed.replay.id == "redrive:3"
    assert replayed.replay.from_stage == "propose_patch"
    assert replayed.replay.model == "m"


def test_the_digest_of_a_job_does_not_depend_on_its_replay() -> None:
    original = job(job_id="j", limits={"max_rounds": 2})
    assert replay_job(original, 0, Overrides()).digest == original.digest


def test_a_replay_of_a_replay_keeps_its_overrides() -> None:
    first = job(replay={"id": "x", "model": "m", "from_stage": "checkout"})
    second = replay_job(first, 1, Overrides(from_stage="run_tests"))
    assert second.replay is not None
    assert second.replay.model_dump() == {
        "id": "redrive:1",
        "model": "m",
        "from_stage": "run_tests",
        "template_set": None,
    }


def test_an_override_out_of_bounds_is_refused() -> None:
    with pytest.raises(ValidationError, match="max_cost_usd"):
        replay_job(job(), 0, Overrides(max_cost_usd=-1))


def test_replays_and_redrives_of_one_failure_make_one_generation(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite")
    finish(store, claim(store), Outcome.FAILED)
    replayed = replay_job(job(), 0, Overrides(model="m"))
    second = claim(store, replayed)
    finish(store, second, Outcome.NO_FIX)
    assert second.run.generation == 1
    assert '"m"' in second.run.body
    submissions = [
        Submission.of(replayed),
        Submission.of(replay_job(job(), 0, Overrides())),
        Submission.of(job(), redrive_of=0),
    ]
    for submission in submissions:
        claimed = store.claim(submission, lease_seconds=LEASE)
        assert isinstance(claimed, Finished)
        assert claimed.run.generation == 1
    store.close()
