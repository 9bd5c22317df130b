"""A worker is killed in a stage; another, on another disk, ends the run as if nothing had happened."""

import signal

import pytest

from tests.end_to_end.service import REPOSITORY, Service, end

STAGES = [
    "fetch_issue",
    "checkout",
    "build_context",
    "prepare_tests",
    "propose_patch",
    "apply_patch",
    "run_tests",
    "open_pr",
]
RESTORED = {"checkout", "prepare_tests", "apply_patch"}


#: In every stage; and at the end of those that leave a machine's own state, cost money or have
#: effects.
DEATHS = [(stage, "begins") for stage in STAGES] + [
    (stage, "ends") for stage in ("checkout", "prepare_tests", "propose_patch", "open_pr")
]


@pytest.mark.parametrize(("stage", "moment"), DEATHS)
def test_killed_in_a_stage_another_machine_ends_the_run(
    service: Service, stage: str, moment: str
) -> None:
    service.submit()
    victim = service.worker("first", stage, moment)
    assert victim.wait(60) == -signal.SIGKILL, (service.folder / "first.log").read_text()

    service.time_passes()
    heir = service.worker("second")
    events = service.finished()
    end(heir)

    assert len(service.github.pulls(REPOSITORY)) == 1
    finished = [event for event in events if event["type"] == "run.finished"]
    assert len({event["id"] for event in finished}) == 1
    assert finished[0]["data"]["outcome"] == "pr_opened"
    assert finished[0]["data"]["verification"] == "red to green"

    at = STAGES.index(stage)
    again = [name for kind, name in service.told("second") if kind == "started"]
    assert again == STAGES[at:], "stages with a checkpoint are not run again"
    restored = {name for kind, name in service.told("second") if kind == "restored"}
    assert restored == RESTORED & set(STAGES[:at])
    assert service.bought() == 1, "a stored reply is never bought again"
