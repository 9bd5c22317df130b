"""A worker is killed in a stage; another, on another disk, ends the run as if nothing had
happened.
"""

import signal

import pytest

from pipeline.job import FIX_ISSUE
from stages.order import ORDERS
from tests.end_to_end.service import REPOSITORY, Service, wait_for_death

STAGES = list(ORDERS[FIX_ISSUE].names)
#: Stages that leave state on the machine, which the next worker restores.
RESTORED = {"checkout", "prepare_tests", "apply_patch"}


#: A stage dies when it begins (the one before has its checkpoint) or ends (it has state, has paid
#: or pushed, and no checkpoint).
DEATHS = [
    ("build_context", "begins"),
    ("apply_patch", "begins"),
    ("run_tests", "begins"),
    ("prepare_tests", "ends"),
    ("propose_patch", "ends"),
    ("open_pr", "ends"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "moment"), DEATHS)
def test_another_machine_ends_the_run_of_a_killed_worker(
    service: Service, stage: str, moment: str
) -> None:
    service.submit()
    victim = service.start_worker("first", stage, moment)
    assert wait_for_death(victim) == -signal.SIGKILL, (service.folder / "first.log").read_text()

    service.expire_leases()
    service.start_worker("second")
    events = service.wait_for_finished()
    service.kill_workers()

    assert len(service.github.pulls(REPOSITORY)) == 1
    finished = [event for event in events if event["type"] == "run.finished"]
    assert len({event["id"] for event in finished}) == 1
    assert finished[0]["data"]["outcome"] == "pr_opened"
    assert finished[0]["data"]["verification"] == "red to green"

    index = STAGES.index(stage)
    progress = service.progress("second")
    started = [name for kind, name in progress if kind == "started"]
    assert started == STAGES[index:], "stages with a checkpoint are not run again"
    restored = {name for kind, name in progress if kind == "restored"}
    assert restored == RESTORED.intersection(STAGES[:index])
    assert service.count_bought() == 1, "a stored reply is never bought again"
