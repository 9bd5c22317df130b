"""The crash benchmark's verdict: compares each job with its plan at the end."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.crash_world import Plan, World
from pipeline.job import InvalidJob, parse_job
from pipeline.outcome import Outcome
from pipeline.run_key import RunKey
from pipeline.store.contract import RunRow
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.strict_aws import Published
from tests.stand_ins.strict_aws.sqs import Message

DEFECTS = (
    "lost",
    "duplicate_pull_requests",
    "paid_twice",
    "events_missing",
    "wrong_outcomes",
    "resumed_differently",
)
#: States of a call in which its money is accounted for.
CLOSED_CALLS = ("settled", "cut", "released")


@dataclass(frozen=True)
class Defect:
    """Something that went wrong with one job. ``kind`` is one of DEFECTS."""

    kind: str
    job: str
    what: str


@dataclass(frozen=True)
class Problem:
    """A defect without the name of its job."""

    kind: str
    what: str


@dataclass
class Events:
    """The published events, by job and by event id."""

    of_job: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    copies: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Event id -> the distinct bodies published under it."""

    @classmethod
    def read(cls, published: list[Published]) -> "Events":
        events = cls()
        for message in published:
            event = json.loads(message.message)
            events.copies[event["id"]].add(message.message)
            events.of_job[event["data"]["job_id"]].append(event)
        return events


class DeadLetters:
    """Bodies in the dead-letter queue, with the generation that failed (None: not a job)."""

    def __init__(self, messages: list[Message]):
        self._counts: Counter[tuple[str, str | None]] = Counter()
        for message in messages:
            generation = message.attributes.get("failed_generation", {}).get("StringValue")
            self._counts[message.body, generation] += 1

    def has(self, body: str, generation: str | None) -> bool:
        return self._counts[body, generation] > 0


def judge_unreadable(bodies: list[str], dead_letters: DeadLetters) -> Iterator[Defect]:
    """Check that messages that are no jobs are among the dead letters."""
    for body in bodies:
        if not dead_letters.has(body, None):
            yield Defect("lost", body, "unreadable, and not among the dead letters")


def judge_deaths(statuses: list[int]) -> Iterator[Defect]:
    """Report the workers that ended by themselves, with these exit statuses."""
    for status in statuses:
        yield Defect("wrong_outcomes", "?", f"a worker ended by itself with {status}")


def judge_job(
    plan: Plan, store: SqliteStore, events: Events, dead_letters: DeadLetters, world: World
) -> Iterator[Defect]:
    """Compare one job's run, effects and events with its plan."""
    name = f"{plan.number} ({plan.kind})"
    body = json.dumps(plan.message())
    job_id = _job_id(body)
    run = store.run(job_id)
    for problem in _judge_run(plan, job_id, run, store, events, world):
        yield Defect(problem.kind, name, problem.what)
    if plan.outcome is Outcome.FAILED and not dead_letters.has(body, "0"):
        yield Defect("lost", name, "failed, and its message is not among the dead letters")


def _judge_run(
    plan: Plan,
    job_id: str,
    run: RunRow | None,
    store: SqliteStore,
    events: Events,
    world: World,
) -> Iterator[Problem]:
    if run is None or run.state != "finished":
        state = run.state if run else "unknown"
        yield Problem("lost", f"its run is {state}")
        return
    if (run.generation, run.outcome) != (0, plan.outcome):
        what = f"generation {run.generation} ended {run.outcome}: {run.reason}"
        yield Problem("wrong_outcomes", what)
    pulls = world.pulls.get(f"fix/{job_id}", [])
    yield from _judge_pulls(plan, pulls)
    yield from _judge_calls(plan, job_id, store)
    yield from _judge_event_types(plan, events.of_job[job_id])
    for event in events.of_job[job_id]:
        yield from _judge_event(plan, event, events.copies[event["id"]], pulls)


def _judge_pulls(plan: Plan, pulls: list[int]) -> Iterator[Problem]:
    if len(pulls) > 1:
        yield Problem("duplicate_pull_requests", f"pull requests {pulls}")
    if bool(pulls) != (plan.outcome is Outcome.PR_OPENED):
        yield Problem("wrong_outcomes", f"{len(pulls)} pull requests")


def _judge_calls(plan: Plan, job_id: str, store: SqliteStore) -> Iterator[Problem]:
    calls = store.calls(RunKey(job_id, 0))
    keys = sorted({call.key for call in calls})
    if keys != [f"propose/{number}" for number in range(1, plan.rounds + 1)]:
        yield Problem("wrong_outcomes", f"it bought {keys} in {plan.rounds} rounds")
    open_states = [call.state for call in calls if call.state not in CLOSED_CALLS]
    if open_states:
        yield Problem("wrong_outcomes", f"calls were left {open_states}")


def _judge_event_types(plan: Plan, events: list[dict[str, Any]]) -> Iterator[Problem]:
    expected = {"run.finished"}
    if plan.announced:
        expected.add("run.started")
    published = {event["type"] for event in events}
    if published != expected:
        yield Problem("events_missing", f"expected {expected}, got {published}")


def _judge_event(
    plan: Plan, event: dict[str, Any], copies: set[str], pulls: list[int]
) -> Iterator[Problem]:
    data = event["data"]
    if len(copies) > 1:
        yield Problem("events_missing", f"{event['id']} was published with different bodies")
    if data["metadata"] != {"number": str(plan.number)}:
        yield Problem("events_missing", f"{event['id']} lacks its metadata")
    if event["type"] != "run.finished":
        return
    facts = (data["outcome"], data["rounds"], data["pull_request_number"])
    pull = pulls[0] if pulls else None
    if facts != (plan.outcome, plan.rounds, pull):
        what = f"its event says {data['outcome']}, round {data['rounds']}"
        yield Problem("wrong_outcomes", what)


def _job_id(body: str) -> str:
    try:
        return parse_job(body).id
    except InvalidJob as error:
        return error.job_id
