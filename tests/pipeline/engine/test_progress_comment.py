"""A run's progress comment: when it is written, what it says, and that it changes no outcome."""

import threading
from pathlib import Path

import pytest

from pipeline.engine import progress_comment
from pipeline.engine.engine import Deferred, Ended
from pipeline.errors import Retry
from pipeline.github import ForgeRefused
from pipeline.job import AddressReviewJob, PullRef, Subject
from pipeline.outcome import Facts, Outcome, RunResult, Verification
from pipeline.stage import Back, RunContext, Stop
from tests.stand_ins.runs import Answer, Bench, job

ISSUE = "octo/repo#42"
BEGUN = (ISSUE, "Work on this issue has begun.")


class Comments:
    """Remembers what is put, or fails."""

    def __init__(self, error: Exception | None = None):
        self.error = error
        self.put_texts: list[tuple[str, str]] = []

    def put(self, subject: Subject, body: str) -> None:
        if self.error is not None:
            raise self.error
        self.put_texts.append((subject.label, body))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def run_with(bench: Bench, comments: Comments) -> Ended | Deferred:
    bench.progress_comment = comments
    claimed = bench.claim()
    try:
        return await bench.machine("with comments").execute(claimed)
    finally:
        bench.store.release(claimed.lease)


async def test_a_run_says_that_it_begins_and_how_it_ends(bench: Bench) -> None:
    facts = Facts(pull_request_number=7, verification=Verification.RED_TO_GREEN)
    bench.does("close", lambda run: Stop(Outcome.PR_OPENED, "pull request #7", facts))
    comments = Comments()
    await run_with(bench, comments)
    end = "Work on this issue has ended: pull request #7 is open (*red to green*)."
    assert comments.put_texts == [BEGUN, (ISSUE, end)]


async def test_a_run_that_is_rejected_before_it_starts_says_nothing(bench: Bench) -> None:
    bench.does("fetch", lambda run: Stop(Outcome.REJECTED, "the issue is closed"))
    comments = Comments()
    await run_with(bench, comments)
    assert comments.put_texts == []


async def test_several_rounds_begin_once(bench: Bench) -> None:
    bench.does(
        "propose",
        lambda run: Back("propose", because="tests fail"),
        lambda run: Stop(Outcome.NO_FIX, "no fix"),
    )
    comments = Comments()
    await run_with(bench, comments)
    assert comments.put_texts == [BEGUN, (ISSUE, "Work on this issue has ended: no fix")]


async def test_a_later_delivery_repeats_the_start_and_ends_it(bench: Bench) -> None:
    """Putting the same text again changes nothing, and makes up for a start that failed."""

    async def wait(run: RunContext) -> Answer:
        raise Retry("the model is down", counts=False)

    bench.does("propose", wait)
    refused = Comments(ForgeRefused("locked"))
    assert isinstance(await run_with(bench, refused), Deferred)
    bench.does("propose", lambda run: Stop(Outcome.NO_FIX, "no fix"))
    comments = Comments()
    assert isinstance(await run_with(bench, comments), Ended)
    assert comments.put_texts[0] == BEGUN
    assert comments.put_texts[-1] == (ISSUE, "Work on this issue has ended: no fix")


@pytest.mark.parametrize("error", [ForgeRefused("locked"), ConnectionError("reset"), KeyError("x")])
async def test_an_error_only_logs_a_warning(
    bench: Bench, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await run_with(bench, Comments(error))
    assert isinstance(answer, Ended)
    assert answer.result.outcome is Outcome.PR_OPENED
    assert "the progress comment on octo/repo#42 was not written" in caplog.text


async def test_a_comment_that_takes_too_long_is_left_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_comment, "MAX_SECONDS", 0.01)
    released = threading.Event()

    class Slow(Comments):
        def put(self, subject: Subject, body: str) -> None:
            released.wait(10)

    try:
        assert isinstance(await run_with(bench, Slow()), Ended)
    finally:
        released.set()


def result(outcome: Outcome, reason: str) -> RunResult:
    return RunResult(
        job_id="j",
        generation=0,
        issue_url=job().issue.url,
        repository="octo/repo",
        outcome=outcome,
        reason=reason,
        trace="t",
    )


def test_a_reason_is_inert_and_bounded() -> None:
    hostile = "fixes #1 @octo/all <img src=x> [skip ci]\n/merge " + "x" * 5_000
    text = progress_comment.describe_end(job(), result(Outcome.NEEDS_INFO, hostile))
    assert "@octo" not in text
    assert "#1 " not in text
    assert "<img" not in text
    assert "\n" not in text
    assert len(text) < 1_500


def test_a_failure_of_the_service_is_not_spelled_out_to_strangers() -> None:
    text = progress_comment.describe_end(job(), result(Outcome.FAILED, "10.0.0.7 refused"))
    assert "technical failure" in text
    assert "10.0.0.7" not in text


def test_a_review_is_named_as_such() -> None:
    pull = PullRef.parse("https://github.com/octo/repo/pull/7")
    review = AddressReviewJob.of(pull.url, "review-1")
    text = progress_comment.describe_end(review, result(Outcome.NO_CHANGE_NEEDED, "all answered"))
    assert text == "Work on the review of this pull request has ended: all answered"
