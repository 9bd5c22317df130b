"""Workers killed at random moments, on an AWS that fails: is anything lost, done twice, or paid
twice?

    python -m benchmarks.crash --kills N --seed S [--jobs J] [--workers W] [--json OUT]

Real workers run small jobs against a strict stand-in for SQS and SNS that throttles, fails, loses
replies, delivers twice and forgets deletes, and against a world that counts effects. Leases last 2
s and SQS's 12 hours 8 s. At the end the faults stop, what is left is worked off, and every job is
checked against what its plan says must come of it."""

import argparse
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from benchmarks import report
from benchmarks.crash_worker import Setting
from benchmarks.crash_world import Plan, World
from pipeline.job import InvalidJob, parse_job
from pipeline.outcome import Outcome
from pipeline.run_key import RunKey
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.aws import Aws, Queue
from tests.stand_ins.strict_aws import FaultPlan, StrictAws

ROOT = Path(__file__).parents[1]
FAULTS = FaultPlan(
    throttled=0.01,
    unavailable=0.01,
    dropped=0.01,
    reply_lost=0.01,
    entry_failed=0.02,
    doubled=0.05,
    undeleted=0.05,
    disordered=0.2,
)
VISIBILITY = 2
LONGEST = 8.0
#: Jobs that are under way at once.
OPEN_JOBS = 150
#: Mean seconds between two kills, where the jobs keep up with them.
PAUSE = 0.15
#: Share of jobs that are sent twice, and of messages that are no job.
AGAIN = 0.15
UNREADABLE = 0.02
#: Seconds without any progress after which the run is over, whatever is left.
PATIENCE = 240.0


class Fleet:
    """Workers, forked from a warm parent, each with a data directory of its own."""

    def __init__(self, setting: Callable[[int], Setting], size: int):
        self._setting = setting
        self._size = size
        self._started = 0
        self.running: list[int] = []
        self.deaths: list[int] = []
        """Exit statuses of workers that ended by themselves."""

    def __enter__(self) -> Self:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.crash_worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()
        for _ in range(self._size):
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._parent.communicate()

    def kill_one(self, rng: random.Random) -> None:
        """And start another."""
        victim = self.running.pop(rng.randrange(len(self.running)))
        ended = int(self._ask({"end": victim, "signal": int(signal.SIGKILL)}))
        if ended != -signal.SIGKILL:
            self.deaths.append(ended)
        self._start()

    def _start(self) -> None:
        self._started += 1
        setting = self._setting(self._started)
        self.running.append(int(self._ask(setting.model_dump(mode="json"))))

    def _ask(self, what: dict[str, Any]) -> str:
        assert self._parent.stdin is not None
        self._parent.stdin.write(json.dumps(what) + "\n")
        self._parent.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._parent.stdout is not None
        line = self._parent.stdout.readline()
        if not line:
            raise RuntimeError("the workers' parent died")
        return line.strip()


@dataclass
class Bench:
    """Everything of one crash run."""

    kills: int
    seed: int
    jobs: int
    folder: Path
    aws: StrictAws
    world: World
    queue: Queue
    fleet: Fleet
    sent: int = 0
    killed: int = 0
    unreadable: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        self._store = sqlite3.connect(
            f"file:{self.folder}/shared/store.sqlite?mode=ro", uri=True, timeout=30
        )
        self._started = time.monotonic()
        self._told_at = 0.0

    def close(self) -> None:
        self._store.close()

    def storm(self) -> None:
        """Kills and jobs side by side, so that neither runs out before the other."""
        next_kill = 0.0
        moved = time.monotonic()
        last = (0, 0)
        while self.killed < self.kills or self.sent < self.jobs:
            finished = self._finished()
            due = self.jobs if self.killed >= self.kills else self.jobs * self.killed // self.kills
            while self.sent < min(self.jobs, finished + OPEN_JOBS, due + OPEN_JOBS):
                self._send()
            now = time.monotonic()
            if last != (finished, self.killed):
                moved = now
                last = (finished, self.killed)
            if now - moved > PATIENCE:
                return
            # A kill for each of the jobs' share, with some in advance: else nothing would ever end.
            allowed = self.kills * (finished + OPEN_JOBS / 3) / self.jobs
            if self.killed < min(self.kills, allowed) and now >= next_kill:
                self.fleet.kill_one(self._rng)
                self.killed += 1
                next_kill = now + self._rng.expovariate(1 / PAUSE)
            self._tell("storm", finished)
            time.sleep(0.02)

    def drain(self) -> None:
        """No more faults: work off what is left."""
        self.aws.look(lambda: setattr(self.aws.faults, "plan", FaultPlan()))
        moved = time.monotonic()
        last = None
        while time.monotonic() - moved < PATIENCE:
            left = self._left()
            if left == (0, 0, 0):
                return
            if left != last:
                moved = time.monotonic()
                last = left
            self._tell("drain", self.jobs - left[0])
            time.sleep(0.1)

    def _send(self) -> None:
        self.sent += 1
        plan = Plan.of(self.seed, self.sent)
        bodies = [json.dumps(plan.message())] * (2 if self._rng.random() < AGAIN else 1)
        if self._rng.random() < UNREADABLE:
            bodies.append(f"no job {self.sent}")
            self.unreadable.append(bodies[-1])
        for body in bodies:
            delay = self._rng.choice([0, 0, 3])
            self.aws.look(
                lambda: self.aws.sqs.send(
                    self.aws.sqs.of({"QueueUrl": self.queue.url}),
                    {"MessageBody": body, "DelaySeconds": delay},  # noqa: B023
                )
            )

    def _finished(self) -> int:
        return self._count("SELECT count(*) FROM runs WHERE state = 'finished'")

    def _left(self) -> tuple[int, int, int]:
        """Jobs, events and messages."""
        events = self._count("SELECT count(*) FROM events WHERE published_at IS NULL")
        messages = self.aws.look(
            lambda: len(self.aws.sqs.of({"QueueUrl": self.queue.url}).messages)
        )
        return self.jobs - self._finished(), events, messages

    def _count(self, sql: str) -> int:
        return int(self._store.execute(sql).fetchone()[0])

    def _tell(self, phase: str, finished: int) -> None:
        now = time.monotonic() - self._started
        if now - self._told_at >= 5:
            self._told_at = now
            said = (
                f"{now:5.0f} s  {phase}: {self.killed}/{self.kills} kills, {finished}/{self.jobs}"
                " jobs"
            )
            print(
                f"{said}, {injected(self.aws, self.world)} faults injected",
                file=sys.stderr,
                flush=True,
            )


def injected(aws: StrictAws, world: World) -> int:
    """Faults beside the kills. Disorder is none."""
    return sum(n for name, n in aws.faults.counts.items() if name != "disordered") + sum(
        world.faults.values()
    )


WRONGS = ("lost", "duplicate_pull_requests", "paid_twice", "events_missing", "wrong_outcomes")


@dataclass(frozen=True)
class Finding:
    """Something that went wrong with one job. ``kind`` is of WRONGS."""

    kind: str
    job: str
    what: str


def judge(bench: Bench) -> Iterator[Finding]:
    """Each job against its plan, when all is over."""
    events: dict[str, list[dict[str, Any]]] = defaultdict(list)
    copies: dict[str, set[str]] = defaultdict(set)
    for published in bench.aws.sns.published:
        told = json.loads(published.message)
        copies[told["id"]].add(published.message)
        events[told["data"]["job_id"]].append(told)
    dead = bench.aws.sqs.queues[bench.queue.dead_letters_url.rsplit("/", 1)[-1]].messages.values()
    buried = Counter(
        (m.body, m.attributes.get("failed_generation", {}).get("StringValue")) for m in dead
    )
    store = SqliteStore(bench.folder / "shared/store.sqlite")
    for number in range(1, bench.sent + 1):
        plan = Plan.of(bench.seed, number)
        body = json.dumps(plan.message())
        job_id = _job_id(body)
        for kind, what in _judge_job(plan, job_id, store, events[job_id], copies, bench.world):
            yield Finding(kind, f"{number} ({plan.kind})", what)
        if plan.outcome is Outcome.FAILED and not buried[body, "0"]:
            yield Finding(
                "lost",
                f"{number} ({plan.kind})",
                "failed, and its message is not among the dead letters",
            )
    store.close()
    for body in bench.unreadable:
        if not buried[body, None]:
            yield Finding("lost", body, "unreadable, and not among the dead letters")
    for refusal in bench.world.refusals:
        yield Finding("wrong_outcomes", "?", refusal)
    for _ in range(bench.world.paid_twice):
        yield Finding("paid_twice", "?", "a stored reply was bought again")
    for status in bench.fleet.deaths:
        yield Finding("wrong_outcomes", "?", f"a worker ended by itself with {status}")


def _judge_job(
    plan: Plan,
    job_id: str,
    store: SqliteStore,
    events: list[dict[str, Any]],
    copies: dict[str, set[str]],
    world: World,
) -> Iterator[tuple[str, str]]:
    run = store.run(job_id)
    if run is None or run.state != "finished":
        yield "lost", f"its run is {run.state if run else 'unknown'}"
        return
    pulls = world.pulls.get(f"fix/{job_id}", [])
    if len(pulls) > 1:
        yield "duplicate_pull_requests", f"pull requests {pulls}"
    if (run.generation, run.outcome) != (0, plan.outcome):
        yield "wrong_outcomes", f"generation {run.generation} ended {run.outcome}: {run.reason}"
    if bool(pulls) != (plan.outcome is Outcome.PR_OPENED):
        yield "wrong_outcomes", f"{len(pulls)} pull requests"
    calls = store.calls(RunKey(job_id, 0))
    if sorted({call.key for call in calls}) != [f"propose/{n}" for n in range(1, plan.rounds + 1)]:
        yield "wrong_outcomes", f"it bought {[call.key for call in calls]} in {plan.rounds} rounds"
    if wrong := [call.state for call in calls if call.state not in ("settled", "cut", "released")]:
        yield "wrong_outcomes", f"calls were left {wrong}"
    wanted = {"run.finished", *(["run.started"] if plan.announced else [])}
    if (found := {event["type"] for event in events}) != wanted:
        yield "events_missing", f"{wanted} were due, {found} came"
    for event in events:
        data = event["data"]
        if len(copies[event["id"]]) > 1 or data["metadata"] != {"number": str(plan.number)}:
            yield (
                "events_missing",
                f"{event['id']} is not the same each time, or lacks its metadata",
            )
        if event["type"] == "run.finished" and (
            data["outcome"],
            data["rounds"],
            data["pull_request_number"],
        ) != (plan.outcome, plan.rounds, pulls[0] if pulls else None):
            yield "wrong_outcomes", f"its event tells of {data['outcome']}, round {data['rounds']}"


def _job_id(body: str) -> str:
    try:
        return parse_job(body).id
    except InvalidJob as error:
        return error.job_id


@contextmanager
def opened(kills: int, seed: int, jobs: int, workers: int, folder: Path) -> Iterator[Bench]:
    (folder / "shared").mkdir()
    with (
        StrictAws(FAULTS, seed=seed, max_visibility=LONGEST) as aws,
        World(seed, folder / "shared/artifacts") as world,
    ):
        made = Aws(aws.endpoint)
        queue = made.make_queue(max_receive_count=1000)
        topic = made.sns.create_topic(Name="events")["TopicArn"]
        SqliteStore(folder / "shared/store.sqlite").close()

        def setting(number: int) -> Setting:
            shutil.rmtree(folder / f"worker-{number - 50}", ignore_errors=True)  # long dead
            return Setting(
                environment=made.environment,
                queue_url=queue.url,
                topic_arn=topic,
                world=world.server.endpoint,
                shared=folder / "shared",
                data=folder / f"worker-{number}",
                concurrency=4,
                visibility=VISIBILITY,
                longest=LONGEST - 1,
                poll=2,
            )

        with Fleet(setting, workers) as fleet:
            bench = Bench(kills, seed, jobs, folder, aws, world, queue, fleet)
            yield bench
            bench.close()


def summarise(bench: Bench, findings: list[Finding]) -> dict[str, float]:
    found = Counter(finding.kind for finding in findings)
    store = SqliteStore(bench.folder / "shared/store.sqlite")
    cut = sum(
        call.state == "cut"
        for run in store.runs(limit=10**9)
        for call in store.calls(RunKey(run.job_id, 0))
    )
    store.close()
    told: dict[str, float] = {
        "calls_cut": cut,
        "jobs": bench.sent,
        "deliveries": bench.aws.sqs.handed_out,
        "faults": bench.killed + injected(bench.aws, bench.world),
        "kills": bench.killed,
    }
    return told | {kind: found[kind] for kind in WRONGS}


def measure(kills: int, seed: int, jobs: int, workers: int, folder: Path) -> dict[str, Any]:
    """Gives the report. Its rows are what went wrong, and how often each fault was injected."""
    with opened(kills, seed, jobs, workers, folder) as bench:
        bench.storm()
        bench.drain()
    findings = list(judge(bench))
    faults = {"kind": "faults", **bench.aws.faults.counts, **bench.world.faults}
    return report.report("crash", summarise(bench, findings), [*map(vars, findings), faults])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--jobs", type=int, help="as many as kills, if not said")
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--keep", type=Path, help="a new folder for the store and the workers' logs, which stays"
    )
    chosen = parser.parse_args(arguments)
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="crash-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        told = measure(
            chosen.kills, chosen.seed, chosen.jobs or chosen.kills, chosen.workers, folder
        )
    finally:
        if chosen.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    lines = [
        [row.get(name) for name in ("kind", "job", "what")] for row in told["rows"] if "what" in row
    ]
    report.show(f"crash, seed {chosen.seed}", ["kind", "job", "what"], lines, told["summary"])
    report.write(told, chosen.json)
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
