"""The timeline in words: what stands beside the bars."""

from pathlib import Path

from console.page.lanes import timeline_lanes
from tests.console.reports import read
from tests.stand_ins.example_runs import at_work, failed, four_rounds, long_agent_run
from tests.stand_ins.recorded_run import RecordedRun


def words(run: RecordedRun) -> dict[str, str]:
    return {lane.label: lane.text for lane in timeline_lanes(read(run).timeline)}


def test_each_stage_has_its_time_and_what_was_sent_back(tmp_path: Path) -> None:
    lanes = words(four_rounds(tmp_path))
    assert lanes["prepare_tests"] == "14 s"
    assert lanes["run_tests"] == "47 s, 3 sent back"


def test_waits_are_no_work(tmp_path: Path) -> None:
    assert words(failed(tmp_path))["deliveries and waits"] == "18 s"


def test_steps_and_calls_have_lanes_of_their_own(tmp_path: Path) -> None:
    lanes = words(long_agent_run(tmp_path, steps=2))
    assert lanes["agent's steps"] == "11 s"
    assert lanes["model calls"] == "8.0 s"


def test_what_has_not_ended_counts_so_far(tmp_path: Path) -> None:
    run = at_work(tmp_path)
    run.fail_try("a lost connection", seconds=5.0)
    lanes = words(run)
    assert lanes["run_tests"] == "5.0 s so far"
    assert lanes["deliveries and waits"] == "32 s so far"
