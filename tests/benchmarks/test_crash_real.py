"""A small crash run with the real stages finds no defect, and finds those that are planted."""

import json
from pathlib import Path

import pytest
import requests

from benchmarks.crash_forge import worker_token
from benchmarks.crash_real import Bench, opened, summarise
from benchmarks.crash_real_judge import REAL_DEFECTS
from benchmarks.crash_real_plan import Plan, Review
from pipeline.outcome import Outcome
from tests.stand_ins.strict_aws import Published

FAULTS = 30
#: With it, two of the first jobs get a review. The pushes of both, the reply to one of the reviews
#: and the other's follow-up are killed or lose their replies.
SEED = 28


def kinds(bench: Bench) -> list[str]:
    return sorted({defect.kind for defect in bench.judge()})


def changed(event: Published, **changes: object) -> Published:
    body = json.loads(event.message)
    body["data"] |= changes
    return Published(event.topic_arn, json.dumps(body), event.attributes)


def open_second_pull(bench: Bench, plan: Plan) -> None:
    """Open another pull request of the job's branch, as no worker would."""
    bench.github.commit(plan.repository, {"other.txt": ""}, branch="other")
    answer = requests.post(
        f"{bench.github.api_url}/repos/{plan.repository}/pulls",
        json={"head": plan.branch, "base": "other", "title": "Again"},
        headers={"Authorization": f"token {worker_token(1)}"},
        timeout=10,
    )
    assert answer.status_code == 201


def post_second_reply(bench: Bench, review: Review) -> None:
    """Reply once more to the review's first comment, as no worker would."""
    bench.github.reviews.reply_on_line(
        review.repository, review.pull, review.comments[0], "coding-agent-bot", "Again."
    )


@pytest.mark.slow
def test_lost_replies_and_kills_cost_nothing_and_each_planted_defect_is_found(
    tmp_path: Path,
) -> None:
    with opened(FAULTS, SEED, "branch", 2, tmp_path) as bench:
        bench.storm()
        bench.drain()
        defects = list(bench.judge())
        summary = summarise(bench, defects)
        assert defects == []
        assert {summary[kind] for kind in REAL_DEFECTS} == {0}
        assert summary["faults"] >= FAULTS
        assert summary["lost_replies"] > 0
        assert summary["jobs"] == len(bench.plans) <= summary["deliveries"]

        plan = next(plan for plan in bench.plans if plan.outcome is Outcome.PR_OPENED)
        events = bench.aws.sns.published
        ends = [event for event in events if event.attributes["type"] == "run.finished"]
        (end, *_) = [event for event in ends if plan.job_id in event.message]
        others = [event for event in events if plan.job_id not in event.message]

        bench.aws.sns.published = others
        assert kinds(bench) == ["events_missing"]
        bench.aws.sns.published = [*others, changed(end, branch=None)]
        assert kinds(bench) == ["branches_unnamed", "events_missing"]
        lie = changed(end, reason="nothing was pushed")
        bench.aws.sns.published = [*events, lie]
        assert kinds(bench) == ["events_missing", "wrong_outcomes"], "and another body, too"
        bench.aws.sns.published = events

        requests_of_job = bench.seller.requests[plan.runs[0].key]
        requests_of_job.append("another")
        assert kinds(bench) == ["resumed_differently"]
        requests_of_job.pop()

        assert kinds(bench) == []
        review = next(iter(bench.seller.reviews.values()))
        post_second_reply(bench, review)
        assert kinds(bench) == ["replied_twice"]
        bench.github.commit(plan.repository, {"a": ""}, branch="coding-agent/issue-9-stray")
        assert kinds(bench) == ["branches_unnamed", "replied_twice"]
        open_second_pull(bench, plan)
        assert "duplicate_pull_requests" in kinds(bench)
        reviewed = next(plan for plan in bench.plans if plan.number == review.number)
        bench.github.commit(reviewed.repository, {"a": ""}, branch=reviewed.branch)
        assert "lost_commits" in kinds(bench)
