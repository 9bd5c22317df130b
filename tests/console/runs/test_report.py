"""The report of a run: what the store and the artifacts hold, read as one model."""

from pathlib import Path

import pytest

from console.runs.redaction import redacted
from console.runs.report import ReportReader
from console.runs.source import artifact_key
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import EffectiveLimits
from pipeline.github.local import local_issue_url
from pipeline.job import FixIssueJob
from pipeline.model import Message
from pipeline.outcome import Outcome
from pipeline.store.contract import ClaimedInvalid, Submission
from pipeline.store.sqlite import SqliteStore
from pipeline.telemetry import Redactor
from stages.propose_patch.round_note import CutOffNote
from tests.console.reports import CEILING, read
from tests.stand_ins.example_runs import (
    FAILING,
    OTHER,
    PATCH,
    TITLE,
    failed,
    four_rounds,
    long_agent_run,
    opened_pull_request,
)
from tests.stand_ins.recorded_run import RecordedRun
from tests.stand_ins.runs import finish, job
from tests.stand_ins.runs import reply as model_reply


def test_the_headline_says_what_happened(tmp_path: Path) -> None:
    headline = read(opened_pull_request(tmp_path)).headline
    assert headline.sentence == (
        "Opened pull request #7 (red to green): 1 test failed before the change and passes with"
        " it; none that passed fails"
    )
    assert headline.effort == "1 round, 39 s of work, $0.0123 of at most $3.00"


def test_a_failed_run_says_why_and_how_to_replay_it(tmp_path: Path) -> None:
    run = failed(tmp_path)
    report = read(run)
    assert report.headline.outcome == "Failed for a reason outside of the issue"
    assert "the disk is full" in report.headline.reason
    assert report.headline.effort == "18 s of work, no model was asked"
    assert report.next_steps[-1].command == f"coding-agent dlq replay {run.job.id}"
    assert report.change is None


def test_a_reason_that_the_outcome_says_is_not_repeated(tmp_path: Path) -> None:
    run = RecordedRun(tmp_path)
    run.finish(Outcome.CANCELLED, "cancelled on request")
    assert read(run).headline.sentence == "Cancelled on request"


def test_texts_of_the_run_are_there(tmp_path: Path) -> None:
    report = read(opened_pull_request(tmp_path))
    assert report.title == TITLE
    assert report.context is not None
    assert report.context.files[0].why == "the issue names parse_entry"
    (call,) = report.calls
    assert call.prompt[1].text.startswith(f"# {TITLE}")
    assert call.answer is not None
    assert call.answer.text == "The end is on the day after the start."
    assert call.seconds == 9.0
    assert report.change is not None
    assert report.change.patch == PATCH
    assert report.tests.log == "3 passed\n"
    assert report.tests.verdict is not None
    assert report.tests.verdict.fixed == (FAILING,)
    push, pull = report.effects
    assert push.summary == "commit eeeeeeeeeeee on branch coding-agent/fix-42"
    assert pull.url == "https://github.com/octo/repo/pull/7"
    assert report.problems == ()


def test_each_round_has_its_change_and_the_tests_that_failed(tmp_path: Path) -> None:
    rounds = read(four_rounds(tmp_path)).rounds
    assert [round_.number for round_ in rounds] == [1, 2, 3, 4]
    fates = [change.fate for round_ in rounds for change in round_.changes]
    assert fates == ["sent back", "sent back", "sent back", "chosen"]
    assert rounds[0].changes[0].failing == (OTHER,)
    assert rounds[0].sent_back == rounds[1].reason
    assert "tests fail that must pass" in rounds[0].sent_back


def test_the_steps_of_an_agent_belong_to_their_calls(tmp_path: Path) -> None:
    report = read(long_agent_run(tmp_path, steps=3))
    assert [step.record.number for step in report.steps] == [1, 2, 3]
    assert [call.step for call in report.calls] == list(report.steps)
    assert [len(call.prompt) for call in report.calls] == [2, 0, 0]
    assert {call.stage for call in report.calls} == {"propose_patch"}


def test_calls_say_what_they_were_for(tmp_path: Path) -> None:
    (call,) = read(opened_pull_request(tmp_path / "single")).calls
    assert call.title == "round 1, propose_patch"
    agent = read(long_agent_run(tmp_path / "agent", steps=2))
    assert [call.title for call in agent.calls] == ["step 1", "step 2"]


def test_the_prompt_of_an_unusable_reply_is_there(tmp_path: Path) -> None:
    run = RecordedRun(tmp_path)
    reply = model_reply("")
    run.call("1/propose_patch/0", reply, seconds=3.0)
    prompt = (Message(role="user", content="mend it"),)
    note = CutOffNote(exchange_key=run.exchange("", prompt, reply))
    run.send_back("The reply was empty.", note, seconds=0.1)
    (call,) = read(run).calls
    assert [message.text for message in call.prompt] == ["mend it"]


def test_spending_is_added_up_by_stage_and_model(tmp_path: Path) -> None:
    spending = read(four_rounds(tmp_path)).spending
    by_stage = {spend.stage: spend for spend in spending.stages}
    assert by_stage["propose_patch"].calls == 4
    assert by_stage["propose_patch"].cost_usd == pytest.approx(0.21)
    assert by_stage["run_tests"].seconds == pytest.approx(3 * 12.0 + 11.0)
    (model,) = spending.models
    assert model.prompt_tokens == 8_000


def test_a_jobs_own_limits_are_its_budget(tmp_path: Path) -> None:
    run = RecordedRun(tmp_path, job(limits={"max_cost_usd": 0.5, "max_rounds": 99}))
    assert read(run).spending.limits == EffectiveLimits(0.5, 60.0, 4)


def test_a_run_that_has_not_ended_says_what_it_does(tmp_path: Path) -> None:
    report = read(RecordedRun(tmp_path))
    assert report.headline.sentence == "At work, in round 1"
    assert report.result is None
    assert report.next_steps[0].command.startswith("coding-agent jobs watch ")


def test_what_is_gone_is_named_and_the_rest_is_there(tmp_path: Path) -> None:
    run = opened_pull_request(tmp_path)
    patch = run.facts.artifacts["patch"]
    (run.artifacts.root / patch).unlink()
    report = read(run)
    assert report.problems == (f"The artifact {patch} no longer exists.",)
    assert report.change is not None
    assert report.change.patch is None
    assert report.title == TITLE


def test_what_is_unreadable_is_named_and_the_rest_is_there(tmp_path: Path) -> None:
    run = opened_pull_request(tmp_path)
    patch = run.facts.artifacts["patch"]
    (run.artifacts.root / patch).unlink()
    (run.artifacts.root / patch).mkdir()
    report = read(run)
    assert report.problems == (f"The artifact {patch} can't be read: Is a directory.",)
    assert report.title == TITLE


def test_an_address_of_something_else_is_no_artifact_of_the_run(tmp_path: Path) -> None:
    key = RecordedRun(tmp_path).row.key
    assert artifact_key(key, f"file:///data/artifacts/{key.prefix}/page-1.html") is not None
    for address in ("", "https://example.com/x", f"file:///data/{key.prefix}/../../etc/passwd"):
        assert artifact_key(key, address) is None


def test_a_result_of_another_version_is_named(tmp_path: Path) -> None:
    run = RecordedRun(tmp_path)
    run.stage("build_context", job(), seconds=1.0)
    report = read(run)
    assert report.context is None
    assert report.problems == ("The stored result of build_context is from another version.",)


def test_secrets_are_removed_from_every_text(tmp_path: Path) -> None:
    run = opened_pull_request(tmp_path, title="the key s3cr3t-key leaks", body="s3cr3t-key")
    report = read(run, Redactor(["s3cr3t-key"]))
    assert "s3cr3t-key" not in repr(report)
    assert report.title == "the key [redacted] leaks"


def test_secrets_are_removed_from_every_kind_of_collection() -> None:
    value = {"s3cr3t": (frozenset({"s3cr3t"}), ["s3cr3t", 1], {"key": "s3cr3t"})}
    assert redacted(value, lambda text: text.replace("s3cr3t", "-")) == {
        "-": (frozenset({"-"}), ["-", 1], {"key": "-"})
    }


def test_a_local_run_is_repeated_by_its_own_command(tmp_path: Path) -> None:
    run = RecordedRun(tmp_path, FixIssueJob(issue_url=local_issue_url(tmp_path, "a bug")))
    run.finish(Outcome.NO_FIX, "no fix in 4 rounds")
    (step,) = read(run).next_steps
    assert step.text.endswith("run the same `coding-agent fix` again with --again.")
    assert step.command == ""


def test_a_run_whose_message_was_no_valid_job_has_a_report(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite")
    body = '{"issue_url": "https://github.com/octo/repo/issues/42", "unknown": 1}'
    claimed = store.claim(Submission.read(body), lease_seconds=60.0)
    assert isinstance(claimed, ClaimedInvalid)
    finish(store, claimed, Outcome.REJECTED)
    row = store.run(claimed.run.job_id)
    assert row is not None
    reader = ReportReader(store, FolderArtifacts(tmp_path / "artifacts"), str, CEILING)
    report = reader.read(row)
    store.close()
    assert report.job is None
    assert report.headline.outcome == "Rejected before any work"


def test_a_rejected_run_is_sent_again(tmp_path: Path) -> None:
    run = RecordedRun(tmp_path)
    run.finish(Outcome.REJECTED, "the issue is closed")
    report = read(run)
    assert report.headline.sentence == "Rejected before any work: the issue is closed"
    assert report.next_steps[0].command == f"coding-agent submit {run.row.issue_url}"
