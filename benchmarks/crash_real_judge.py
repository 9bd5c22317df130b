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
        yield Problem("wrong_outcomes", f"run {generation} ended {run.outcome}: {run.reason}")


def _judge_purchases(plan: Plan, generation: int, evidence: Evidence) -> Iterator[Problem]:
    requests = evidence.seller.requests[plan.number, generation]
    if len(requests) != plan.rounds:
        what = f"run {generation} sent {len(requests)} distinct requests in {plan.rounds} rounds"
        yield Problem("resumed_differently", what)
    calls = evidence.store.calls(RunKey(plan.job_id, generation))
    settled = sum(call.state == "settled" for call in calls if not is_question_key(call.key))
    if settled != plan.rounds:
        what = f"run {generation} settled {settled} calls in {plan.rounds} rounds"
        yield Problem("paid_twice", what)
    open_states = [call.state for call in calls if call.state not in CLOSED_CALLS]
    if open_states:
        yield Problem("wrong_outcomes", f"calls were left {open_states}")


def _judge_effects(plan: Plan, evidence: Evidence) -> Iterator[Problem]:
    pulls = evidence.pulls(plan)
    head = evidence.head(plan)
    if len(pulls) > 1:
        numbers = [pull.number for pull in pulls]
        yield Problem("duplicate_pull_requests", f"pull requests {numbers}")
    is_opened = plan.outcome is Outcome.PR_OPENED
    if bool(pulls) != is_opened or (head is not None) != is_opened:
        yield Problem("wrong_outcomes", f"{len(pulls)} pull requests, its branch is at {head}")
    elif is_opened:
        yield from _judge_pull(plan, pulls[0], evidence)


def _judge_pull(plan: Plan, pull: Pull, evidence: Evidence) -> Iterator[Problem]:
    marker = f"<!-- coding-agent:job={plan.job_id} generation={plan.generations - 1} -->"
    if marker not in (pull.issue.body or ""):
        yield Problem("wrong_outcomes", "its pull request's text is not the newest run's")
    if not _is_sold_to(plan, evidence.content(plan), evidence.seller):
        yield Problem("wrong_outcomes", "its branch has not what the model sold it")
    wants_labels = plan.kind == "labelled" and evidence.push == "branch"
    labels = list(LABELS) if wants_labels else []
    reviewers = list(REVIEWERS) if wants_labels else []
    if (pull.issue.labels, pull.reviewers) != (labels, reviewers):
        what = f"it has labels {pull.issue.labels} and reviewers {pull.reviewers}"
        yield Problem("wrong_outcomes", what)


def _is_sold_to(plan: Plan, content: str, seller: Seller) -> bool:
    """Return whether a file has the reply that was sold to the job's newest run."""
    for serial, sale in enumerate(seller.sales, 1):
        if mark(serial) in content:
            return (sale.number, sale.generation) == (plan.number, plan.generations - 1)
    return False


def _judge_events(plan: Plan, evidence: Evidence) -> Iterator[Problem]:
    expected: set[tuple[str, int]] = set()
    for generation in range(plan.generations):
        expected.add(("run.finished", generation))
        if plan.announced:
            expected.add(("run.started", generation))
    events = evidence.events.of_job[plan.job_id]
    published = {(event["type"], event["data"]["generation"]) for event in events}
    if published != expected:
        yield Problem("events_missing", f"expected {sorted(expected)}, got {sorted(published)}")
    for event in events:
        if len(evidence.events.copies[event["id"]]) > 1:
            yield Problem("events_missing", f"{event['id']} was published with different bodies")
        if event["type"] == "run.finished":
            yield from _judge_end(plan, event["data"], evidence)


def _judge_end(plan: Plan, data: dict[str, Any], evidence: Evidence) -> Iterator[Problem]:
    """Compare what an event says with what GitHub holds."""
    pulls = evidence.pulls(plan)
    number = pulls[0].number if pulls else None
    facts = (data["outcome"], data["rounds"], data["pull_request_number"])
    if facts != (plan.outcome, plan.rounds, number):
        what = f"its event says {facts}, and its pull request is {number}: {data['reason']}"
        yield Problem("wrong_outcomes", what)
    if evidence.head(plan) is not None and data["branch"] != plan.branch:
        what = f"its event names the branch {data['branch']}, not {plan.branch}: {data['reason']}"
        yield Problem("branches_unnamed", what)
    if evidence.head(plan) is not None and "nothing was pushed" in data["reason"]:
        yield Problem("wrong_outcomes", f"its branch exists, but its event says {data['reason']}")


def judge_strays(plans: list[Plan], evidence: Evidence) -> Iterator[Defect]:
    """Check that GitHub has no branch or pull request of ours that no job made."""
    known = {(evidence.pushed_to(plan), plan.branch) for plan in plans}
    for repository, branch in evidence.github.branches():
        if branch.startswith("coding-agent/") and (repository, branch) not in known:
            yield Defect("branches_unnamed", "?", f"{branch} in {repository} belongs to no job")
