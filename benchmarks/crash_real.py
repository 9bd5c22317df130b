"""The crash benchmark with the real stages: git over HTTP, PyGithub, mirrors, tests in a sandbox.

    crash (the main process)                     crash_real_worker (a process each)
      StrictAws  <------- SQS, SNS -----------     Worker, Engine, the eight stages,
      GithubStandIn <---- REST, git ----------     assembled by cli.wiring
      Seller     <------- HTTP ---------------     the model
      Fleet      -------- start, SIGKILL ----->
      Bench: storm, drain;  crash_real_judge: each job against its Plan

A worker's token and AWS access key name it, so that a request can kill its sender. A worker that
replaces a killed one gets its disk or an empty one. Half of all disks are left as a kill left them.
"""

import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import crash_bench, report
from benchmarks.crash_bench import CrashBench, Patience, Services, shared_settings, wait_for_workers
from benchmarks.crash_evidence import Evidence
from benchmarks.crash_fleet import Fleet
from benchmarks.crash_forge import ForgeFaults, worker_token
from benchmarks.crash_judge import Defect, Events, judge_deaths, judge_unreadable
from benchmarks.crash_real_judge import REAL_DEFECTS, judge_job, judge_strays
from benchmarks.crash_real_plan import (
    AFTER_EFFECT,
    JOBS_PER_REPOSITORY,
    REVIEWER,
    REVIEWERS,
    TESTED_EVERY,
    Mode,
    Plan,
    Push,
    Review,
    repository_name,
)
from benchmarks.crash_real_worker import RealSetting
from benchmarks.crash_seller import FIRST_LINE, JOB, Seller
from pipeline.store.sqlite import SqliteStore
from sandbox import NoIsolation
from sandbox.choose import choose_sandbox
from tests.stand_ins.aws import Aws
from tests.stand_ins.github import GithubStandIn
from tests.stand_ins.github.reviews import OnLine
from tests.stand_ins.github.world import Rights
from tests.stand_ins.strict_aws import StrictAws
from tests.stand_ins.strict_aws.http import Request

#: Lost replies are what this benchmark is for.
FAULTS = replace(crash_bench.FAULTS, reply_lost=0.03)
VISIBILITY = 4
#: Seconds for which a message can be hidden: SQS's 12 hours, scaled down. A stage must fit into
#: them, even on a busy machine, or its run would never end.
LONGEST = 40.0
#: Maximum number of unfinished runs.
OPEN_RUNS = 32
#: Mean seconds between two kills at random moments, if the runs keep up, and kills for each run.
PAUSE = 0.5
KILLS_A_RUN = 0.25
#: Share of jobs that are sent twice, and of messages that are not jobs.
SENT_TWICE = 0.15
UNREADABLE = 0.1
#: The share of lost replies to an effect on AWS whose sender is killed.
KILLED_SENDERS = 0.3
#: The share of killed workers whose disk the next worker gets.
KEPT_DISKS = 0.5
#: Workers that can be started, each with a token of its own.
MAX_WORKERS = 10_000
#: The share of the faults that pushes to branches of the repositories get; the rest goes to forks.
BRANCH_SHARE = 0.8
#: Operations of AWS whose lost replies are counted, under these names.
_OPERATIONS = {
    "PublishBatch": "publish",
    "SendMessage": "send_message",
    "DeleteMessageBatch": "delete_message",
}
#: What a reviewer writes on a line of a pull request.
REVIEW_COMMENTS = ("Why 42?", "Say where this is used.")
_CALC = f"def answer():\n{FIRST_LINE}\n"
_TEST = """import unittest

import calc


class Answer(unittest.TestCase):
    def test_answer(self):
        self.assertEqual(calc.answer(), 42)
"""
#: An update hook that refuses the branches of these issues.
_HOOK = """#!/bin/sh
case "$1" in {patterns}) echo "this branch is not allowed" >&2; exit 1;; esac
"""


class Bench(CrashBench):
    """The state of one crash benchmark with the real stages."""

    def __init__(
        self,
        faults: int,
        seed: int,
        services: Services,
        github: GithubStandIn,
        forge: ForgeFaults,
        seller: Seller,
    ):
        super().__init__(seed, services)
        self.faults = faults
        self.github = github
        self.forge = forge
        self.seller = seller
        self.plans: list[Plan] = []
        self.unreadable: list[str] = []
        self.lost_replies: Counter[str] = Counter()
        self._replays: dict[str, Plan] = {}
        """Job id -> the plan of a job whose replay has not been sent yet."""
        self._reviewable: dict[str, Plan] = {}
        """Job id -> the plan of a job whose pull request has got no review yet."""
        self._continued_at = 0
        """How many runs had ended when replays and reviews were last sent."""
        self.aws.on_lost_reply = self._lose_reply

    def storm(self) -> None:
        next_kill = 0.0
        patience = Patience()
        while self.count_faults() < self.faults:
            finished = self.count_finished()
            if patience.ends(finished):
                return
            # A small benchmark must not send more runs than it has faults for.
            while self.count_expected() < finished + min(OPEN_RUNS, self.faults):
                self._send_next()
            self.work()
            self.fleet.replace_killed()
            now = time.monotonic()
            if now >= next_kill and self.fleet.kills <= KILLS_A_RUN * finished:
                self.fleet.replace_one(self.rng)
                next_kill = now + self.rng.expovariate(1 / PAUSE)
            self.report_progress("storm", finished)
            wait_for_workers(0.05)

    def drain(self) -> None:
        self.forge.stop()
        self.seller.is_broken = False
        super().drain()

    def work(self) -> None:
        """Send the replays and the reviews of the runs that have ended."""
        finished = self.count_finished()
        if finished == self._continued_at:
            return
        self._continued_at = finished
        for (job_id,) in self.select("SELECT job_id FROM runs WHERE state = 'finished'"):
            plan = self._replays.pop(job_id, None)
            if plan is not None:
                self.seller.newest[plan.number] = plan.runs[-1].key
                self.send(plan.body(1))
            plan = self._reviewable.pop(job_id, None)
            if plan is not None:
                self._review(plan)

    def _review(self, plan: Plan) -> None:
        """Submit a review of the job's pull request, and send the job that answers it."""
        (pull,) = [pull for pull in self.github.pulls(plan.repository) if pull.head == plan.branch]
        comments = [OnLine("calc.py", 2, text) for text in REVIEW_COMMENTS]
        review_id, *comment_ids = self.github.reviews.submit(
            plan.repository, pull.number, REVIEWER, state="CHANGES_REQUESTED", comments=comments
        )
        review = Review(pull.number, review_id, tuple(comment_ids), plan.repository, plan.number)
        self.seller.reviews[plan.number] = review
        self.seller.newest[plan.number] = review.run.key
        self.forge.reviewed.add(plan.number)
        self.send(review.body)
        if self.rng.random() < SENT_TWICE:
            self.send(review.body)

    def judge(self) -> Iterator[Defect]:
        store = SqliteStore(self.folder / "shared/store.sqlite")
        events = Events.read(self.aws.sns.published)
        evidence = Evidence(self.github, self.seller.push, self.seller, events, store)
        for plan in self.plans:
            yield from judge_job(plan, evidence)
        yield from judge_strays(self.plans, evidence)
        store.close()
        yield from judge_unreadable(self.unreadable, self.dead_letters())
        for _ in range(self.seller.paid_twice):
            yield Defect("paid_twice", "?", "a stored reply was bought again")
        yield from judge_deaths(self.fleet.deaths)

    def count_expected(self) -> int:
        reviews = sum(plan.kind == "reviewed" for plan in self.plans)
        return reviews + sum(plan.generations for plan in self.plans)

    def count_faults(self) -> int:
        """Count the faults. A request that kills its sender is a kill and nothing else."""
        by_mode: Counter[Mode] = Counter(self.seller.faults)
        for (_, mode), count in self.forge.counts.items():
            by_mode[mode] += count
        killing = by_mode[Mode.KILLED] + by_mode[Mode.KILLED_AFTER]
        failures = by_mode.total() - killing
        return failures + self.fleet.kills + self.count_aws_faults() + self.count_lost_writes()

    def count_lost_writes(self) -> int:
        file = self.folder / "shared/lost-writes"
        return file.stat().st_size if file.exists() else 0

    def _send_next(self) -> None:
        plan = Plan.of(self.seed, len(self.plans) + 1, self.seller.push)
        if plan.issue == 1:
            self._add_repository(plan)
        self.plans.append(plan)
        if plan.generations > 1:
            self._replays[plan.job_id] = plan
        if plan.kind == "reviewed":
            self._reviewable[plan.job_id] = plan
        bodies = [plan.body()]
        if self.rng.random() < SENT_TWICE:
            bodies.append(plan.body())
        if self.rng.random() < UNREADABLE:
            bodies.append(f"not a job {plan.number}")
            self.unreadable.append(bodies[-1])
        for body in bodies:
            self.send(body)

    def _add_repository(self, first: Plan) -> None:
        number = first.number // JOBS_PER_REPOSITORY
        files = {"calc.py": _CALC}
        if number % TESTED_EVERY == 1:
            files["test_calc.py"] = _TEST
        name = repository_name(number)
        self.github.add_repository(name, files, collaborators=REVIEWERS)
        plans = list(Plan.of_repository(self.seed, number, self.seller.push))
        for plan in plans:
            state = "closed" if plan.kind == "closed" else "open"
            title = f"{JOB}{plan.number} : the answer is wrong"
            self.github.add_issue(name, title, "calc.answer() returns 41.", state=state)
        forbidden = [plan for plan in plans if plan.kind == "forbidden branch"]
        patterns = [f"refs/heads/coding-agent/issue-{plan.issue}-*" for plan in forbidden]
        if patterns:
            hook = self.github.path(name) / "hooks/update"
            hook.parent.mkdir(exist_ok=True)
            hook.write_text(_HOOK.format(patterns="|".join(patterns)))
            hook.chmod(0o755)

    def _lose_reply(self, operation: str, request: Request) -> None:
        """Count a lost reply, and kill the worker that waits for it, or not."""
        self.lost_replies[operation] += 1
        if operation in _OPERATIONS and self.rng.random() < KILLED_SENDERS:
            key = request.headers["authorization"].partition("Credential=")[2]
            self.fleet.kill(int(key.partition("/")[0].removeprefix("worker")))


@contextmanager
def opened(faults: int, seed: int, push: Push, workers: int, folder: Path) -> Iterator[Bench]:
    """Run the stand-ins and the workers while entered."""
    shared = folder / "shared"
    shared.mkdir(parents=True)
    rights: Rights = "write" if push == "branch" else "read"
    tokens = {worker_token(number): rights for number in range(1, MAX_WORKERS)}
    rng = random.Random(f"disks/{seed}")
    sandbox = _choose_sandbox()

    def kill(number: int) -> bool:
        return fleet.kill(number)

    with (
        StrictAws(FAULTS, seed=seed, max_visibility=LONGEST) as strict,
        GithubStandIn(folder / "github", tokens=tokens) as github,
        Seller(seed, push, shared / "artifacts", kill) as seller,
    ):
        aws = Aws(strict.endpoint)
        queue = aws.make_queue(max_receive_count=1000)
        SqliteStore(shared / "store.sqlite").close()
        fields = shared_settings(aws, queue, folder, visibility=VISIBILITY, longest=LONGEST)

        def setting(number: int, predecessor: Path | None) -> RealSetting:
            data = folder / f"worker-{number}"
            if predecessor is not None and rng.random() < KEPT_DISKS:
                data = predecessor
            elif predecessor is not None:
                shutil.rmtree(predecessor, ignore_errors=True)
            return RealSetting(
                environment={**aws.environment, "AWS_ACCESS_KEY_ID": f"worker{number}"},
                world=seller.server.endpoint,
                data=data,
                number=number,
                api_url=github.api_url,
                token=worker_token(number),
                push=push,
                sandbox=sandbox,
                is_lossy=True,
                **fields,
            )

        forge = ForgeFaults(github, seed, push, kill)
        with Fleet("benchmarks.crash_real_worker", setting, workers) as fleet:
            services = Services(folder, strict, queue, fleet)
            bench = Bench(faults, seed, services, github, forge, seller)
            yield bench
            bench.close()


def _choose_sandbox() -> str:
    try:
        choose_sandbox("bwrap", on_ecs=False, local=True, socket=Path("/nonexistent"))
    except NoIsolation:
        return "none"
    return "bwrap"


def measure(faults: int, seed: int, workers: int, folder: Path) -> dict[str, Any]:
    """Return the report: a row for each defect, and one with the injected faults of each kind."""
    started = time.monotonic()
    totals: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    shares: dict[Push, float] = {"branch": BRANCH_SHARE, "fork": 1 - BRANCH_SHARE}
    for push, share in shares.items():
        with opened(round(faults * share), seed, push, workers, folder / push) as bench:
            bench.storm()
            bench.drain()
            defects = list(bench.judge())
        rows += [vars(defect) for defect in defects]
        totals.update(summarise(bench, defects))
        rows.append({"kind": "faults", "push": push, **describe_faults(bench)})
    summary = {**totals, "seconds": round(time.monotonic() - started, 1)}
    return report.report("crash", summary, rows)


def summarise(bench: Bench, defects: list[Defect]) -> dict[str, int]:
    summary = {
        "jobs": len(bench.plans),
        "runs": bench.count_expected(),
        "reviews": len(bench.seller.reviews),
        "deliveries": bench.aws.sqs.handed_out,
        "faults": bench.count_faults(),
        "kills": bench.fleet.kills,
    }
    lost = count_lost_replies(bench)
    summary["lost_replies"] = lost.total()
    for effect in sorted(lost):
        summary[f"lost_replies_{effect}"] = lost[effect]
    kinds = Counter(defect.kind for defect in defects)
    for kind in REAL_DEFECTS:
        summary[kind] = kinds[kind]
    return summary


def count_lost_replies(bench: Bench) -> Counter[str]:
    """Count the replies that were lost after their effect, by effect."""
    lost: Counter[str] = Counter()
    for (service, mode), count in bench.forge.counts.items():
        if mode in AFTER_EFFECT:
            lost[service] += count
    for mode, count in bench.seller.faults.items():
        if mode in AFTER_EFFECT:
            lost["model"] += count
    for operation, name in _OPERATIONS.items():
        lost[name] += bench.lost_replies[operation]
    lost["store"] = bench.count_lost_writes()
    return lost


def describe_faults(bench: Bench) -> dict[str, int]:
    """Return how often each fault occurred."""
    counts = dict(bench.aws.faults.counts)
    for (service, mode), count in sorted(bench.forge.counts.items()):
        counts[f"{service}: {mode}"] = count
    for mode, count in sorted(bench.seller.faults.items()):
        counts[f"model: {mode}"] = count
    return counts
