"""A run that is followed by what it stores."""

from collections.abc import Callable
from pathlib import Path

import pytest

from console.runs.watching import RunWatch
from pipeline.engine.deps import Progress
from pipeline.model import Message
from pipeline.outcome import Outcome
from pipeline.store.contract import RunRow, Submission
from stages.propose_patch.agent.steps import Observation, StepRecord
from stages.propose_patch.round_note import SentBackNote
from tests.stand_ins.recorded_run import RecordedRun
from tests.stand_ins.runs import Fetched, job, reply

Summary = tuple[str, str, int]


@pytest.fixture
def run(tmp_path: Path) -> RecordedRun:
    return RecordedRun(tmp_path)


@pytest.fixture
def watch(run: RecordedRun) -> RunWatch:
    return watch_of(run)


def watch_of(run: RecordedRun) -> RunWatch:
    return RunWatch(
        run.store,
        run.artifacts,
        lambda: run.row,
        redact=lambda text: text.replace("hunter2", "***"),
        clock=run.clock,
    )


def poll(watch: RunWatch) -> list[Summary]:
    """Return kind, stage and round of the new reports, without the status."""
    reports = watch.poll()
    return [
        (report.kind, report.stage, report.round) for report in reports if report.kind != "status"
    ]


def test_each_result_is_reported_once_with_the_stage_that_follows(
    run: RecordedRun, watch: RunWatch
) -> None:
    assert poll(watch) == [("started", "fetch_issue", 1)]
    assert poll(watch) == []
    run.stage("fetch_issue", Fetched(title="t"), seconds=2.0)
    assert poll(watch) == [("finished", "fetch_issue", 1), ("started", "checkout", 1)]
    assert poll(watch) == []


def test_somebody_who_comes_later_sees_what_happened_before(run: RecordedRun) -> None:
    run.stage("fetch_issue", Fetched(title="t"), seconds=2.0)
    run.stage("checkout", Fetched(title="t"), seconds=3.0)
    run.clock.now += 40
    *past, started, _status = watch_of(run).poll()
    assert [(report.stage, report.seconds) for report in past] == [
        ("fetch_issue", 2.0),
        ("checkout", 3.0),
    ]
    assert (started.stage, started.seconds) == ("build_context", 40.0)


def test_a_round_that_is_sent_back_says_why(run: RecordedRun, watch: RunWatch) -> None:
    for name in ("fetch_issue", "checkout", "build_context", "prepare_tests"):
        run.stage(name, Fetched(title="t"), seconds=1.0)
    run.stage("propose_patch", Fetched(title="t"), seconds=1.0)
    run.stage("apply_patch", Fetched(title="t"), seconds=1.0)
    watch.poll()
    run.send_back("tests fail, hunter2", SentBackNote(), seconds=5.0)
    back, started, _status = watch.poll()
    assert (back.kind, back.stage, back.round) == ("back", "run_tests", 1)
    assert (back.seconds, back.detail) == (5.0, "tests fail, ***")
    assert (started.stage, started.round) == ("propose_patch", 2)


def test_the_agents_calls_are_reported_with_the_step_and_the_money(
    run: RecordedRun, watch: RunWatch
) -> None:
    watch.poll()
    run.call("run/attempt-1-step-001", reply("I look.", 0.25), seconds=3.0)
    run.step(
        StepRecord(
            number=1,
            round=1,
            reply=Message(role="assistant", content="I look."),
            label="attempt-1-step-001",
            exchange_key="k",
            history_limit=1,
            observations=(Observation(call_id=None, tool="bash", call="ls", text=""),),
        )
    )
    note, status = watch.poll()
    assert (note.kind, note.detail) == ("note", "step 1: ls")
    assert (status.kind, status.detail) == ("status", "step 1, $0.25")


def test_a_wait_is_reported_with_its_reason(run: RecordedRun, watch: RunWatch) -> None:
    watch.poll()
    run.wait(600.0, "GitHub is down")
    note, started, _status = watch.poll()
    assert (note.kind, note.detail) == ("note", "waits: GitHub is down")
    assert (started.stage, started.seconds) == ("fetch_issue", 0.0)


def test_a_wait_is_not_reported_again_in_a_later_round(run: RecordedRun, watch: RunWatch) -> None:
    run.wait(600.0, "GitHub is down")
    watch.poll()
    run.send_back("tests fail", SentBackNote(), seconds=5.0)
    reported = poll(watch)
    assert [kind for kind, _, _ in reported] == ["back", "started"]


def test_a_run_that_no_worker_has_is_in_the_queue(run: RecordedRun) -> None:
    waiting = run.store.register(Submission.of(job(43))).run
    watch = RunWatch(
        run.store, run.artifacts, lambda: waiting, redact=lambda text: text, clock=run.clock
    )
    run.clock.now += 90
    started, _status = watch.poll()
    assert (started.kind, started.stage, started.seconds) == ("started", "queue", 90.0)


def test_the_end_is_the_last_report(run: RecordedRun, watch: RunWatch) -> None:
    run.finish(Outcome.NO_FIX, "two rounds are used up")
    *_, ended = watch.poll()
    assert (ended.kind, ended.detail) == ("ended", "two rounds are used up")
    assert watch.has_ended
    assert watch.poll() == []


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [(Outcome.REJECTED, [("finished", "rejected")]), (Outcome.FAILED, [])],
)
def test_the_stage_that_ended_the_run_has_finished_unless_it_was_interrupted(
    run: RecordedRun, watch: RunWatch, outcome: Outcome, expected: list[tuple[str, str]]
) -> None:
    run.finish(outcome, "a reason", seconds=2.0)
    *reports, _ended = watch.poll()
    assert [(report.kind, report.detail) for report in reports] == expected


def test_a_run_that_is_not_stored_yet_has_nothing_to_report(run: RecordedRun) -> None:
    rows: list[RunRow | None] = [None]
    watch = RunWatch(
        run.store,
        run.artifacts,
        lambda: rows[-1],
        redact=lambda text: text,
        clock=run.clock,
    )
    assert watch.poll() == []
    assert not watch.has_ended
    rows.append(run.row)
    assert poll(watch) == [("started", "fetch_issue", 1)]


def test_results_are_read_only_if_something_has_changed(
    run: RecordedRun, watch: RunWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.poll()
    monkeypatch.delattr("console.runs.watching.RunSource")
    assert watch.poll() == []


def test_who_watches_all_the_time_sees_what_a_late_comer_sees(
    run: RecordedRun, watch: RunWatch
) -> None:
    result = Fetched(title="t")
    happenings: list[Callable[[], object]] = [
        lambda: run.stage("fetch_issue", result, seconds=1.0),
        lambda: run.wait(60.0, "GitHub is down"),
        lambda: run.stage("checkout", result, seconds=1.0),
        lambda: run.fail_try("the disk is full", seconds=2.0),
        lambda: run.stage("propose_patch", result, seconds=1.0),
        lambda: run.send_back("no edit applies", SentBackNote(), seconds=1.0),
        lambda: run.wait(60.0, "GitHub is down"),
        lambda: run.stage("propose_patch", result, seconds=1.0),
        lambda: run.finish(Outcome.NO_FIX, "the rounds are used up", seconds=1.0),
    ]
    reports: list[Progress] = []
    for happen in happenings:
        happen()
        reports += watch.poll()
    assert lasting(reports) == lasting(watch_of(run).poll())


def lasting(reports: list[Progress]) -> list[Progress]:
    """Return the reports that are about the past, and so are the same for everybody."""
    return [report for report in reports if report.kind not in ("started", "status")]
