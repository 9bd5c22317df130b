"""A killed agent continues after its last stored step, on an empty disk, with the same result."""

import shutil
from pathlib import Path

import pytest

from pipeline.engine.engine import Ended
from pipeline.errors import Interrupted
from pipeline.model import ModelRequest
from pipeline.outcome import Outcome, RunResult
from pipeline.run_key import RunKey
from tests.stages.conversation import Conversation, Prepared
from tests.stages.killed_workers import POINTS, STEPS, StepClient, conversation, watch


async def survive(dialogue: Conversation) -> RunResult:
    """Deliver the job until its run ends."""
    while True:
        try:
            answer = await dialogue.deliver()
        except Interrupted:
            continue
        assert isinstance(answer, Ended)
        return answer.result


async def test_a_run_killed_in_every_step_is_the_same_as_an_undisturbed_one(
    tmp_path: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    expected: list[ModelRequest] = []
    undisturbed = conversation(folder, prepared, StepClient(expected.append))
    result = await survive(undisturbed)
    patch = undisturbed.artifact(result)
    assert (result.outcome, len(expected)) == (Outcome.PROPOSED, len(STEPS))
    shutil.rmtree(folder)

    died: dict[int, str] = {}

    def die_once_a_step(place: str, number: int) -> None:
        if number not in died and place == POINTS[number % len(POINTS)]:
            died[number] = place
            raise Interrupted(f"{place} of step {number}")

    sent: list[ModelRequest] = []
    disturbed = conversation(folder, prepared, StepClient(sent.append))
    watch(monkeypatch.setattr, die_once_a_step)
    result = await survive(disturbed)
    assert len(died) == len(STEPS) and set(died.values()) == set(POINTS)
    assert (result.outcome, disturbed.artifact(result)) == (Outcome.PROPOSED, patch)
    repeated = [number for number, place in sorted(died.items()) if place == "asking"]
    again = [expected[number - 1] for number in repeated]
    assert sorted(request.hash for request in sent) == sorted(
        request.hash for request in [*expected, *again]
    )
    calls = disturbed.store.calls(RunKey(result.job_id, 0))
    assert sum(call.state == "settled" for call in calls) == len(STEPS), "nothing is paid twice"
