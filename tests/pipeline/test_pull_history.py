"""What the runs of a pull request have done."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from pipeline.artifacts.folder import FolderArtifacts
from pipeline.job import AddressReviewJob, FixIssueJob, Job, PullRef
from pipeline.leased_run import LeasedRun
from pipeline.outcome import Event, Outcome
from pipeline.pull_history import PullHistory
from pipeline.run_key import RunKey
from pipeline.store.contract import Claimed, MoneyCaps
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.runs import Clock, call_request, claim, job, result_of

PULL = PullRef.parse("https://github.com/octo/repo/pull/7")
CAPS = MoneyCaps(run=10**9, repository_day=10**9, day=10**9)


class Note(BaseModel):
    text: str


class History:
    def __init__(self, folder: Path):
        self.clock = Clock()
        self.store = SqliteStore(folder / "store.sqlite", clock=self.clock)
        self.artifacts = FolderArtifacts(folder / "artifacts")
        self.history = PullHistory(self.store, self.artifacts)

    def run(
        self,
        job: Job,
        outcome: Outcome,
        *,
        cost: int,
        asked: bool = False,
        sha: str | None = None,
    ) -> Claimed:
        """Run a job to its end, at a cost in micro-dollars.

        ``asked`` says that a model was asked even if it cost nothing.
        """
        self.clock.now += 1
        claimed = claim(self.store, job)
        if cost:
            call = self.store.reserve(claimed.lease, call_request(cost), CAPS)
            self.store.settle(claimed.lease, call, micro_usd=cost)
        if sha is not None:
            self.store.intend(claimed.lease, "push", {"sha": sha})
        number = job.pull.number if isinstance(job, AddressReviewJob) else PULL.number
        result = result_of(claimed, outcome)
        answered_by = "m" if asked or cost else None
        update = {"pull_request_number": number, "model": answered_by}
        result = result.model_copy(update=update)
        event = Event.about(result, "2001-09-09T01:46:40.000Z")
        self.store.finish(claimed.lease, result, event, None)
        return claimed


@pytest.fixture
def made(tmp_path: Path) -> History:
    return History(tmp_path)


def review(request: str, pull: PullRef = PULL) -> AddressReviewJob:
    return AddressReviewJob.of(pull.url, request)


def test_a_pull_request_has_the_runs_that_opened_it_and_answered_its_reviews(
    made: History,
) -> None:
    fix = made.run(job(), Outcome.PR_OPENED, cost=10, sha="a")
    first = made.run(review("review-1"), Outcome.PR_UPDATED, cost=20, sha="b")
    other = PullRef.parse("https://github.com/octo/repo/pull/8")
    made.run(review("review-1", other), Outcome.NO_FIX, cost=40, sha="c")
    runs = made.history.runs(PULL)
    assert [row.key for row in runs.rows] == [fix.run.key, first.run.key]
    assert runs.pushes == {"a": fix.run.key, "b": first.run.key}


def test_the_newest_run_with_the_files_of_a_commit_is_continued(made: History) -> None:
    fix = made.run(job(), Outcome.PR_OPENED, cost=10, sha="a")
    made.run(review("review-1"), Outcome.NO_FIX, cost=20)
    made.run(review("review-2"), Outcome.NO_CHANGE_NEEDED, cost=0)
    assert made.history.runs(PULL).source_of("a") == fix.run.key
    answered = made.run(review("review-3"), Outcome.NO_CHANGE_NEEDED, cost=5)
    assert made.history.runs(PULL).source_of("a") == answered.run.key


def test_a_run_that_failed_after_its_push_made_the_files_of_its_commit(made: History) -> None:
    made.run(job(), Outcome.PR_OPENED, cost=10, sha="a")
    failed = made.run(review("review-1"), Outcome.FAILED, cost=20, sha="b")
    assert made.history.runs(PULL).source_of("b") == failed.run.key


def test_after_a_person_removed_a_follow_up_the_run_before_it_is_continued(made: History) -> None:
    fix = made.run(job(), Outcome.PR_OPENED, cost=10, sha="a")
    made.run(review("review-1"), Outcome.PR_UPDATED, cost=20, sha="b")
    made.run(review("review-2"), Outcome.NO_CHANGE_NEEDED, cost=5)
    assert made.history.runs(PULL).source_of("a") == fix.run.key


def test_a_commit_of_somebody_else_has_no_run(made: History) -> None:
    made.run(job(), Outcome.PR_OPENED, cost=10, sha="a")
    assert made.history.runs(PULL).source_of("c") is None


def test_only_runs_that_asked_a_model_count_against_the_limits(made: History) -> None:
    made.run(job(), Outcome.PR_OPENED, cost=10, sha="a")
    made.run(review("review-1"), Outcome.REJECTED, cost=0)
    made.run(review("review-2"), Outcome.NO_FIX, cost=2_000_000)
    own = made.run(review("review-3"), Outcome.PR_UPDATED, cost=1_000_000, sha="b")
    runs = made.history.runs(PULL)
    assert len(runs.reviews_before(own.run.key)) == 1
    assert runs.review_usd_before(own.run.key) == 2.0


def test_runs_with_a_model_that_costs_nothing_count_as_well(made: History) -> None:
    fix = made.run(job(), Outcome.PR_OPENED, cost=0, asked=True, sha="a")
    own = RunKey("own", 0)
    assert made.history.runs(PULL).source_of("a") == fix.run.key
    answered = made.run(review("review-1"), Outcome.NO_CHANGE_NEEDED, cost=0, asked=True)
    made.run(review("review-2"), Outcome.NO_CHANGE_NEEDED, cost=0)
    runs = made.history.runs(PULL)
    assert runs.source_of("a") == answered.run.key
    assert [row.key for row in runs.reviews_before(own)] == [answered.run.key]


def test_a_pull_request_that_no_run_opened_has_none(made: History) -> None:
    made.run(FixIssueJob(issue_url="https://github.com/octo/repo/issues/9"), Outcome.NO_FIX, cost=1)
    runs = made.history.runs(PullRef.parse("https://github.com/octo/repo/pull/9"))
    assert runs.pushes == {}


async def test_the_newest_result_of_a_stage_is_read(made: History) -> None:
    claimed = claim(made.store, job())
    run = LeasedRun(made.store, made.artifacts, claimed.lease, made.clock)
    for number in (1, 2):
        await run.save_result(Note(text=str(number)), round=number, stage="s", seconds=0.0)
    key = RunKey(claimed.run.job_id, 0)
    assert made.history.read(key, "s", Note) == Note(text="2")
    assert made.history.read(key, "unknown", Note) is None
