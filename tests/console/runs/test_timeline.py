"""The times of a run: which spans it has, how long they took, and which contain others."""

from pathlib import Path

from console.runs.spans import Span
from pipeline.outcome import Outcome
from tests.console.reports import read
from tests.stand_ins.example_runs import failed, four_rounds, long_agent_run, opened_pull_request
from tests.stand_ins.recorded_run import RecordedRun


def described(spans: tuple[Span, ...]) -> list[tuple[str, float | None]]:
    return [(span.name, rounded(span.seconds)) for span in spans]


def rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def test_stages_follow_each_other_without_gaps(tmp_path: Path) -> None:
    timeline = read(opened_pull_request(tmp_path)).timeline
    assert described(timeline.of_kind("stage")) == [
        ("fetch_issue", 0.8),
        ("checkout", 2.1),
        ("build_context", 0.4),
        ("prepare_tests", 14.0),
        ("propose_patch", 9.2),
        ("apply_patch", 0.1),
        ("run_tests", 11.0),
        ("open_pr", 1.7),
    ]
    assert timeline.of_kind("stage")[-1].state == "ended the run"


def test_the_stage_that_went_back_is_in_the_timeline(tmp_path: Path) -> None:
    timeline = read(four_rounds(tmp_path)).timeline
    went_back = [span for span in timeline.of_kind("stage") if span.state == "sent back"]
    assert [(span.name, span.round, rounded(span.seconds)) for span in went_back] == [
        ("run_tests", 1, 12.0),
        ("run_tests", 2, 12.0),
        ("run_tests", 3, 12.0),
    ]
    assert [span.round for span in timeline.of_kind("round")] == [1, 2, 3, 4]


def test_a_step_lasts_from_its_question_to_the_end_of_its_tool_calls(tmp_path: Path) -> None:
    timeline = read(long_agent_run(tmp_path, steps=2)).timeline
    assert described(timeline.of_kind("step")) == [("step 1", 5.5), ("step 2", 5.5)]
    assert [rounded(span.seconds) for span in timeline.of_kind("call")] == [4.0, 4.0]
    (propose,) = [span for span in timeline.of_kind("stage") if span.name == "propose_patch"]
    assert rounded(propose.seconds) == 12.0


def test_waits_between_deliveries_say_why(tmp_path: Path) -> None:
    timeline = read(failed(tmp_path)).timeline
    first, second = timeline.of_kind("wait")
    assert first.detail == "in the queue"
    assert (second.seconds, second.detail) == (600.0, "GitHub is down (502): it may recover")
    assert [span.name for span in timeline.of_kind("delivery")] == ["delivery 1", "delivery 2"]
    assert [moment.what for moment in timeline.moments] == ["waits", *["try failed"] * 5]


def test_a_run_at_work_has_open_spans(tmp_path: Path) -> None:
    timeline = read(RecordedRun(tmp_path)).timeline
    (stage,) = timeline.of_kind("stage")
    assert (stage.name, stage.end, stage.state) == ("fetch_issue", None, "in progress")
    assert timeline.of_kind("delivery")[0].state == "in progress"


def test_the_first_stage_ends_a_rejected_run(tmp_path: Path) -> None:
    run = RecordedRun(tmp_path)
    run.finish(Outcome.REJECTED, "the issue is closed", seconds=2.0)
    (stage,) = read(run).timeline.of_kind("stage")
    assert (stage.name, stage.seconds, stage.state) == ("fetch_issue", 2.0, "ended the run")
