"""The verdict on a crash run with the real stages, from what GitHub and the receivers hold."""

from collections.abc import Iterator
from typing import Any

from benchmarks.crash_evidence import Evidence
from benchmarks.crash_judge import CLOSED_CALLS, DEFECTS, Defect, Problem
from benchmarks.crash_questions import is_question_key
from benchmarks.crash_real_plan import LABELS, REVIEWERS, ExpectedRun, Plan
from benchmarks.crash_review_judge import REVIEW_DEFECTS, judge_review
from benchmarks.crash_seller import Seller, mark
from pipeline.outcome import Outcome
from tests.stand_ins.github.world import Pull

REAL_DEFECTS = (*DEFECTS, "branches_unnamed", *REVIEW_DEFECTS)


def judge_job(plan: Plan, evidence: Evidence) -> Iterator[Defect]:
    """Compare one job's runs, effects and events with its plan."""
    name = f"{plan.number} ({plan.kind})"
    for problem in _judge(plan, evidence):
        yield Defect(problem.kind, name, problem.what)


def _wrong(what: str) -> Problem:
    return Problem("wrong_outcomes", what)


def _judge(plan: Plan, evidence: Evidence) -> Iterator[Problem]:
    for run in evidence.runs(plan):
        yield from _judge_run(run, evidence)
        yield from _judge_purchases(run, evidence)
    yield from _judge_effects(plan, evidence)
    yield from _judge_events(plan, evidence)
    review = evidence.seller.reviews.get(plan.number)
    if review is not None:
        yield from judge_review(plan, review, evidence)


def _judge_run(expected: ExpectedRun, evidence: Evidence) -> Iterator[Problem]:
    key = expected.key
    run = evidence.store.run(key.job_id, key.generation)
    if run is None or run.state != "finished":
        state = run.state if run else "unknown"
        yield Problem("lost", f"its run {key.prefix} is {state}")
        return
    if run.outcome != expected.outcome:
        yield _wrong(f"run {key.prefix} ended {run.outcome}: {run.reason}")


def _judge_purchases(expected: ExpectedRun, evidence: Evidence) -> Iterator[Problem]:
    name = expected.key.prefix
    rounds = expected.rounds
    requests = len(evidence.seller.requests[expected.key])
    if requests != rounds:
        what = f"run {name} sent {requests} distinct requests in {rounds} rounds"
        yield Problem("resumed_differently", what)
    settled = 0
    for call in evidence.store.calls(expected.key):
        if call.state not in CLOSED_CALLS:
            yield _wrong(f"call {call.key} of run {name} was left {call.state}")
        if call.state == "settled" and not is_question_key(call.key):
            settled += 1
    if settled != rounds:
        what = f"run {name} settled {settled} calls in {rounds} rounds"
        yield Problem("paid_twice", what)


def _judge_effects(plan: Plan, evidence: Evidence) -> Iterator[Problem]:
    pulls = evidence.pulls(plan)
    head = evidence.head(plan)
    if len(pulls) > 1:
        numbers = [pull.number for pull in pulls]
        yield Problem("duplicate_pull_requests", f"pull requests {numbers}")
    is_opened = plan.outcome is Outcome.PR_OPENED
    if bool(pulls) != is_opened or (head is not None) != is_opened:
        yield _wrong(f"{len(pulls)} pull requests, its branch is at {head}")
    elif is_opened:
        yield from _judge_pull(plan, pulls[0], evidence)


def _judge_pull(plan: Plan, pull: Pull, evidence: Evidence) -> Iterator[Problem]:
    marker = f"<!-- coding-agent:job={plan.job_id} generation={plan.generations - 1} -->"
    if marker not in (pull.issue.body or ""):
        yield _wrong("its pull request's text is not the newest run's")
    if not _is_sold_to(plan, evidence.content(plan), evidence.seller):
        yield _wrong("its branch has not what the model sold it")
    # The owner of a fork may not label other people's pull requests.
    is_labelled = plan.kind == "labelled" and evidence.push == "branch"
    if pull.issue.labels != list(LABELS if is_labelled else ()):
        yield _wrong(f"it has labels {pull.issue.labels}")
    if pull.reviewers != list(REVIEWERS if is_labelled else ()):
        yield _wrong(f"it has reviewers {pull.reviewers}")


def _is_sold_to(plan: Plan, content: str, seller: Seller) -> bool:
    """Return whether a file has the reply that was sold to the newest run for the job's issue."""
    for serial, sale in enumerate(seller.sales, 1):
        if mark(serial) in content:
            return sale.run == seller.newest.get(plan.number, plan.runs[-1].key)
    return False


def _judge_events(plan: Plan, evidence: Evidence) -> Iterator[Problem]:
    for run in evidence.runs(plan):
        yield from _judge_events_of(run, plan, evidence)


def _judge_events_of(run: ExpectedRun, plan: Plan, evidence: Evidence) -> Iterator[Problem]:
    key = run.key
    of_job = evidence.events.of_job[key.job_id]
    events = [event for event in of_job if event["data"]["generation"] == key.generation]
    expected = {"run.finished", "run.started"} if run.announced else {"run.finished"}
    missing = expected ^ {event["type"] for event in events}
    if missing:
        yield Problem("events_missing", f"missing or unexpected of {key.prefix}: {sorted(missing)}")
    for event in events:
        if len(evidence.events.copies[event["id"]]) > 1:
            yield Problem("events_missing", f"{event['id']} was published with different bodies")
        if event["type"] == "run.finished":
            yield from _judge_end(run, plan, event["data"], evidence)


def _judge_end(
    run: ExpectedRun, plan: Plan, data: dict[str, Any], evidence: Evidence
) -> Iterator[Problem]:
    """Compare what an event says with what GitHub holds."""
    reason = data["reason"]
    if data["outcome"] != run.outcome or data["rounds"] != run.rounds:
        yield _wrong(f"its event says {data['outcome']}, {data['rounds']} rounds: {reason}")
    number = data["pull_request_number"]
    numbers = {pull.number for pull in evidence.pulls(plan)}
    if (number or 0) not in (numbers or {0}):
        yield _wrong(f"its event names pull request {number}, not {numbers}: {reason}")
    if evidence.head(plan) is None:
        return
    if data["branch"] != plan.branch:
        what = f"its event names branch {data['branch']}, not {plan.branch}: {reason}"
        yield Problem("branches_unnamed", what)
    if "nothing was pushed" in reason:
        yield _wrong(f"its branch exists, but its event says: {reason}")


def judge_strays(plans: list[Plan], evidence: Evidence) -> Iterator[Defect]:
    """Check that GitHub has no branch or pull request of ours that no job made."""
    known = {(evidence.pushed_to(plan), plan.branch) for plan in plans}
    for repository, branch in evidence.github.branches():
        if branch.startswith("coding-agent/") and (repository, branch) not in known:
            yield Defect("branches_unnamed", "?", f"{branch} in {repository} belongs to no job")
