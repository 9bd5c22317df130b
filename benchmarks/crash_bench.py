"""What both crash benchmarks do: send and count jobs while AWS fails, and drain the queue."""

import random
import sqlite3
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.crash_fleet import Fleet
from benchmarks.crash_judge import DeadLetters, Defect
from tests.stand_ins.aws import Aws, Queue
from tests.stand_ins.strict_aws import FaultPlan, StrictAws

#: AWS's faults while jobs are sent.
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
#: Seconds without progress after which a benchmark gives up.
PATIENCE = 240.0
#: The share of the time that counting runs may take.
COUNTING_SHARE = 0.05
#: Seconds between two progress lines on stderr.
PROGRESS_SECONDS = 5.0


@dataclass(frozen=True)
class Services:
    """What a benchmark runs on."""

    folder: Path
    aws: StrictAws
    queue: Queue
    fleet: Fleet


class Patience:
    """Ends if a progress stays the same for ``PATIENCE`` seconds."""

    def __init__(self) -> None:
        self._progress: object = None
        self._since = time.monotonic()

    def ends(self, progress: object) -> bool:
        now = time.monotonic()
        if progress != self._progress:
            self._progress = progress
            self._since = now
        return now - self._since > PATIENCE


class CrashBench(ABC):
    """A crash benchmark. Between ``storm`` and ``judge``, call ``drain``."""

    def __init__(self, seed: int, services: Services):
        self.seed = seed
        self.rng = random.Random(seed)
        self.folder = services.folder
        self.aws = services.aws
        self.queue = services.queue
        self.fleet = services.fleet
        address = f"file:{self.folder}/shared/store.sqlite?mode=ro"
        self._store = sqlite3.connect(address, uri=True, timeout=30)
        self._started = time.monotonic()
        self._reported_at = 0.0
        self._finished = 0
        self._count_again_at = 0.0

    @abstractmethod
    def storm(self) -> None:
        """Send jobs, kill workers and let everything fail."""

    @abstractmethod
    def judge(self) -> Iterator[Defect]:
        """Compare every job with its plan, after the drain."""

    @abstractmethod
    def count_faults(self) -> int:
        """Count the faults so far, kills included."""

    @abstractmethod
    def count_expected(self) -> int:
        """Count the runs that must end."""

    @abstractmethod
    def work(self) -> None:
        """Do what is due regularly."""

    def close(self) -> None:
        self._store.close()

    def drain(self) -> None:
        """Stop AWS's faults, and wait until all runs, events and messages are processed."""
        self.aws.look(lambda: setattr(self.aws.faults, "plan", FaultPlan()))
        patience = Patience()
        while True:
            self.fleet.replace_killed()
            self.work()
            left = self._count_left()
            if left == (0, 0, 0) or patience.ends(left):
                return
            self.report_progress("drain", self.count_expected() - left[0])
            wait_for_workers(0.1)

    def send(self, body: str, delay: int = 0) -> None:
        def send() -> None:
            queue = self.aws.sqs.of({"QueueUrl": self.queue.url})
            self.aws.sqs.send(queue, {"MessageBody": body, "DelaySeconds": delay})

        self.aws.look(send)

    def dead_letters(self) -> DeadLetters:
        name = self.queue.dead_letters_url.rsplit("/", 1)[-1]
        return DeadLetters(list(self.aws.sqs.queues[name].messages.values()))

    def count_aws_faults(self) -> int:
        """Count AWS's faults. Disorder is not a fault."""
        counts = self.aws.faults.counts
        return sum(count for name, count in counts.items() if name != "disordered")

    def count_finished(self) -> int:
        """Return how many runs have ended, as of a moment ago.

        The query reads the whole store, which grows with the benchmark: it must not take a core
        from the workers.
        """
        now = time.monotonic()
        if now >= self._count_again_at:
            self._finished = self._count("SELECT count(*) FROM runs WHERE state = 'finished'")
            seconds = time.monotonic() - now
            self._count_again_at = now + seconds / COUNTING_SHARE
        return self._finished

    def select(self, sql: str) -> list[tuple[Any, ...]]:
        return self._store.execute(sql).fetchall()

    def report_progress(self, phase: str, finished: int) -> None:
        now = time.monotonic() - self._started
        if now - self._reported_at < PROGRESS_SECONDS:
            return
        self._reported_at = now
        runs = f"{finished}/{self.count_expected()} runs"
        faults = f"{self.count_faults()} faults, {self.fleet.kills} of them kills"
        print(f"{now:5.0f} s  {phase}: {runs}, {faults}", file=sys.stderr, flush=True)

    def _count_left(self) -> tuple[int, int, int]:
        """Return the numbers of remaining runs, events and messages."""
        events = self._count("SELECT count(*) FROM events WHERE published_at IS NULL")
        messages = self.aws.look(
            lambda: len(self.aws.sqs.of({"QueueUrl": self.queue.url}).messages)
        )
        return self.count_expected() - self.count_finished(), events, messages

    def _count(self, sql: str) -> int:
        return int(self.select(sql)[0][0])


def wait_for_workers(seconds: float) -> None:
    """Sleep between two looks at the workers.

    They are other processes: their store and AWS show their progress, but report no change that
    could be waited for. ``Patience`` limits the number of looks.
    """
    time.sleep(seconds)


def shared_settings(
    aws: Aws, queue: Queue, folder: Path, *, visibility: int, longest: float
) -> dict[str, Any]:
    """Return the fields of ``crash_process.Setting`` that all workers share.

    ``longest`` is for how many seconds SQS can hide a message.
    """
    return {
        "queue_url": queue.url,
        "topic_arn": aws.sns.create_topic(Name="events")["TopicArn"],
        "shared": folder / "shared",
        "concurrency": 4,
        "visibility": visibility,
        "longest": longest - 1,
        "poll": 2,
    }
