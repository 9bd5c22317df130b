"""The verdict on a crash run with the real stages, from what GitHub and the receivers hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.crash_judge import CLOSED_CALLS, DEFECTS, Defect, Events, Problem
from benchmarks.crash_questions import is_question_key
from benchmarks.crash_real_plan import LABELS, REVIEWERS, Plan, Push
from benchmarks.crash_seller import Seller, mark
from pipeline.outcome import Outcome
from pipeline.run_key import RunKey
from pipeline.store.store import RunStore
from tests.stand_ins.github import GithubStandIn
from tests.stand_ins.github.world import Pull

REAL_DEFECTS = (*DEFECTS, "branches_unnamed")


@dataclass(frozen=True)
class Evidence:
    """What the benchmark's parties hold at the end."""

    github: GithubStandIn
    push: Push
    seller: Seller
    events: Events
    store: RunStore

    def pushed_to(self, plan: Plan) -> str | None:
        """Return the repository to which the job's fixes are pushed; None if there is no fork."""
        if self.push == "branch":
            return plan.repository
        return self.github.fork_of(plan.repository)

    def head(self, plan: Plan) -> str | None:
        """Return the commit of the job's branch; None if there is no branch."""
        repository = self.pushed_to(plan)
        return self.github.sha(repository, plan.branch) if repository else None

    def content(self, plan: Plan) -> str:
        repository = self.pushed_to(plan)
        assert repository is not None
        return self.github.files(repository, plan.branch)["calc.py"].decode()

    def pulls(self, plan: Plan) -> list[Pull]:
        pulls = self.github.pulls(plan.repository)
        return [pull for pull in pulls if pull.head == plan.branch]


def judge_job(plan: Plan, evidence: Evidence) -> Iterator[Defect]:
    """Compare one job's runs, effects and events with its plan."""
    name = f"{plan.number} ({plan.kind})"
    for problem in _judge(plan, evidence):
        yield Defect(problem.kind, name, problem.what)


def _wrong(what: str) -> Problem:
    return Problem("wrong_outcomes", what)


def _judge(plan: Plan, evidence: Evidence) -> Iterator[Problem]:
    for generation in range(plan.generations):
        yield from _judge_run(plan, generation, evidence)
        yield from _judge_purchases(plan, generation, evidence)
    yield from _judge_effects(plan, evidence)
    yield from _judge_events(plan, evidence)


def _judge_run(plan: Plan, generation: int, evidence: Evidence) -> Iterator[Problem]:
    run = evidence.store.run(plan.job_id, generation)
    if run is None or run.state != "finished":
        state = run.state if run else "unknown"
        yield Problem("lost", f"its run {generation} is {state}")
        return
    if run.outcome != plan.outcome:
        yield _wrong(f"run {generation} ended {run.outcome}: {run.reason}")


def _judge_purchases(plan: Plan, generation: int, evidence: Evidence) -> Iterator[Problem]:
    requests = len(evidence.seller.requests[plan.number, generation])
    if requests != plan.rounds:
        what = f"run {generation} sent {requests} distinct requests in {plan.rounds} rounds"
        yield Problem("resumed_differently", what)
    settled = 0
    for call in evidence.store.calls(RunKey(plan.job_id, generation)):
        if call.state not in CLOSED_CALLS:
            yield _wrong(f"call {call.key} of run {generation} was left {call.state}")
        if call.state == "settled" and not is_question_key(call.key):
            settled += 1
    if settled != plan.rounds:
        what = f"run {generation} settled {settled} calls in {plan.rounds} rounds"
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
    """Return whether a file has the reply that was sold to the job's newest run."""
    for serial, sale in enumerate(seller.sales, 1):
        if mark(serial) in content:
            return (sale.number, sale.generation) == (plan.number, plan.generations - 1)
    return False


def _judge_events(plan: Plan, evidence: Evidence) -> Iterator[Problem]:
    events = evidence.events.of_job[plan.job_id]
    published = {(event["type"], event["data"]["generation"]) for event in events}
    missing = _expected_events(plan) ^ published
    if missing:
        yield Problem("events_missing", f"missing or unexpected: {sorted(missing)}")
    for event in events:
        if len(evidence.events.copies[event["id"]]) > 1:
            yield Problem("events_missing", f"{event['id']} was published with different bodies")
        if event["type"] == "run.finished":
            yield from _judge_end(plan, event["data"], evidence)


def _expected_events(plan: Plan) -> set[tuple[str, int]]:
    """Return the (type, generation) of each event of a job."""
    types = ["run.finished"]
    if plan.announced:
        types.append("run.started")
    return {(name, generation) for name in types for generation in range(plan.generations)}


def _judge_end(plan: Plan, data: dict[str, Any], evidence: Evidence) -> Iterator[Problem]:
    """Compare what an event says with what GitHub holds."""
    reason = data["reason"]
    if data["outcome"] != plan.outcome or data["rounds"] != plan.rounds:
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
