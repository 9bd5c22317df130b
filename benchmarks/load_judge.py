"""Whether each job of the load test is done, and done once."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.crash_judge import Defect, Problem
from benchmarks.load_jobs import LoadJob
from pipeline.outcome import Outcome
from pipeline.store.contract import RunRow
from pipeline.store.store import RunStore
from tests.stand_ins.github import GithubStandIn
from tests.stand_ins.strict_aws import Published

DEFECTS = ("lost", "wrong_outcome", "twice", "event_missing", "worker_failed")


@dataclass(frozen=True)
class Evidence:
    """What the services hold at the end."""

    store: RunStore
    github: GithubStandIn
    finished_events: dict[str, set[str]]
    """Job id -> the ids of its ``run.finished`` events."""
    repeated_events: int
    """Publications of an event that had been published before."""


@dataclass
class Verdict:
    """The defects, and the times of the jobs."""

    defects: list[Defect] = field(default_factory=list)
    created: dict[int, float] = field(default_factory=dict)
    """Job number -> when a worker first had it."""
    finished: dict[int, float] = field(default_factory=dict)
    crashes: int = 0
    """Deliveries whose worker died."""


def gather(store: RunStore, github: GithubStandIn, published: list[Published]) -> Evidence:
    finished: dict[str, set[str]] = defaultdict(set)
    copies: Counter[str] = Counter()
    for message in published:
        event = json.loads(message.message)
        copies[event["id"]] += 1
        if event["type"] == "run.finished":
            finished[event["data"]["job_id"]].add(event["id"])
    return Evidence(store, github, finished, copies.total() - len(copies))


def judge(jobs: int, evidence: Evidence) -> Verdict:
    """Compare each job's run, pull requests and events with what it must have led to."""
    verdict = Verdict()
    pulls = _count_pulls(jobs, evidence.github)
    for job in map(LoadJob, range(jobs)):
        run = evidence.store.run(job.job_id)
        name = str(job.number)
        if run is None or run.state != "finished" or run.finished_at is None:
            state = run.state if run else "unknown"
            verdict.defects.append(Defect("lost", name, f"its run is {state}"))
            continue
        verdict.created[job.number] = run.created_at
        verdict.finished[job.number] = run.finished_at
        verdict.crashes += run.crashes
        job_pulls = pulls[job.repository, job.issue]
        for problem in _judge_run(job, run, evidence, job_pulls):
            verdict.defects.append(Defect(problem.kind, name, problem.what))
    return verdict


def _judge_run(job: LoadJob, run: RunRow, evidence: Evidence, pulls: int) -> Iterator[Problem]:
    if run.outcome != job.outcome:
        yield Problem("wrong_outcome", f"it ended {run.outcome}: {run.reason}")
    if run.generation:
        yield Problem("twice", f"it has {run.generation + 1} runs")
    expected_pulls = 1 if job.outcome is Outcome.PR_OPENED else 0
    if pulls > expected_pulls:
        yield Problem("twice", f"it has {pulls} pull requests")
    if pulls < expected_pulls:
        yield Problem("lost", "it has no pull request")
    events = evidence.finished_events[job.job_id]
    if len(events) > 1:
        yield Problem("twice", f"it has {len(events)} final events")
    if not events:
        yield Problem("event_missing", "run.finished was never published")
    bought = [call for call in evidence.store.calls(run.key) if call.state != "cut"]
    if len(bought) > expected_pulls:
        yield Problem("twice", f"{len(bought)} replies of the model were bought")


def _count_pulls(jobs: int, github: GithubStandIn) -> Counter[tuple[str, int]]:
    """Count the pull requests by repository and issue, which our branches name."""
    counts: Counter[tuple[str, int]] = Counter()
    repositories = {job.repository for job in map(LoadJob, range(jobs))}
    for repository in repositories:
        for pull in github.pulls(repository):
            issue = int(pull.head.removeprefix("coding-agent/issue-").partition("-")[0])
            counts[repository, issue] += 1
    return counts
