"""A service of tasks that run jobs from a queue, simulated: what waits, runs and is paid for.

Used by benchmarks.capacity. Times are in simulated seconds.
"""

import math
import random
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field

import simpy

from pipeline.worker.task_protection import LINGER

#: Seconds from the request for a task to its first receive: placing it, pulling about 500 MB of
#: image, importing LiteLLM.
START = 100
#: Tasks that ECS starts for a service per second, approximately
#: (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html).
STARTS_PER_SECOND = 8
#: Sigma of the runs' lognormal lengths, and the longest run in minutes (CODING_AGENT_MAX_MINUTES).
SPREAD = 0.7
MAX_MINUTES = 60
#: Seconds of work that a run repeats after the loss of its task: what it did since its last stored
#: step, and restoring its checkout and its environment.
REPEATED = 60
#: Seconds between two samples of the cost.
BILL_SECONDS = 10

Process = Generator[simpy.Event, None, None]


@dataclass(frozen=True)
class Scaling:
    """Terraform's variables of the same names."""

    jobs_per_task: float = 2
    scale_in_minutes: int = 5
    concurrency: int = 2
    min_tasks: int = 1
    max_tasks: int = 1_000
    on_demand_tasks: int = 0
    spot_percent: float = 100
    night: str | None = None

    @property
    def may_sleep(self) -> bool:
        return self.min_tasks == 0 or self.night is not None


@dataclass(eq=False)
class Job:
    sent_at: float
    seconds_left: float
    was_asleep: bool
    """No task was running when it was sent."""
    begun: bool = False


@dataclass(eq=False)
class Task:
    on_spot: bool
    runs: list[simpy.Process] = field(default_factory=list)
    idle_since: float = 0.0
    has_capacity: bool = False
    """AWS has a machine for it: it is paid for from here on."""
    ended: bool = False


@dataclass
class Statistics:
    waits: list[float] = field(default_factory=list)
    """Seconds from sending each job to its first work."""
    asleep_waits: list[float] = field(default_factory=list)
    """Those of jobs that were sent while no task was running."""
    interruptions: int = 0
    """Of runs, by the loss of their tasks."""
    on_demand_seconds: float = 0.0
    spot_seconds: float = 0.0
    seconds_without_task: float = 0.0
    most_tasks: int = 0


class Lengths:
    """Random lengths of runs in seconds: lognormal, capped at the longest."""

    def __init__(self, mean: float, rng: random.Random):
        self._mu = math.log(mean) - SPREAD**2 / 2
        self._rng = rng

    def __call__(self) -> float:
        return min(self._rng.lognormvariate(self._mu, SPREAD), MAX_MINUTES * 60)


class Service:
    """The queue and its tasks."""

    def __init__(
        self, env: simpy.Environment, scaling: Scaling, run_seconds: Lengths, rng: random.Random
    ):
        self.env = env
        self.scaling = scaling
        self.min_tasks = scaling.min_tasks
        self.tasks: list[Task] = []
        self.waiting: deque[Job] = deque()
        self.desired = 0
        self.statistics = Statistics()
        self._run_seconds = run_seconds
        self._rng = rng
        self._starting: list[Task] = []
        #: Contains each task once per free slot. SQS hands a message to any task that polls.
        self._free: list[Task] = []
        self._has_spot = True
        self._spot_returned = env.event()

    @property
    def running(self) -> int:
        """The number of jobs in progress."""
        return sum(len(task.runs) for task in self.tasks)

    def send(self) -> None:
        self.waiting.append(Job(self.env.now, self._run_seconds(), not self.tasks))
        self._dispatch()

    def set_desired(self, tasks: int) -> None:
        self.desired = max(self.min_tasks, min(tasks, self.scaling.max_tasks))
        self._start_missing()
        self._end_idle()

    def set_min_tasks(self, tasks: int) -> None:
        self.min_tasks = tasks
        self.set_desired(self.desired)

    def lose(self, task: Task) -> None:
        """Lose a task: its runs go on elsewhere, and ECS starts another one."""
        task.ended = True
        self.tasks.remove(task)
        for run in task.runs:
            run.interrupt()
        self._start_missing()

    def lose_spot(self) -> None:
        """Lose all tasks on Spot; no other can start there."""
        self._has_spot = False
        self._spot_returned = self.env.event()
        for task in list(self.tasks):
            if task.on_spot:
                self.lose(task)

    def return_spot(self) -> None:
        self._has_spot = True
        self._spot_returned.succeed()

    def bill(self) -> Process:
        statistics = self.statistics
        while True:
            yield self.env.timeout(BILL_SECONDS)
            for task in (*self.tasks, *self._starting):
                if task.on_spot and task.has_capacity:
                    statistics.spot_seconds += BILL_SECONDS
                elif task.has_capacity:
                    statistics.on_demand_seconds += BILL_SECONDS
            if not self.tasks:
                statistics.seconds_without_task += BILL_SECONDS
            self._end_idle()

    def _start_missing(self) -> None:
        missing = self.desired - len(self.tasks) - len(self._starting)
        for number in range(missing):
            task = Task(self._is_for_spot())
            self._starting.append(task)
            self.env.process(self._start(task, START + number / STARTS_PER_SECOND))

    def _is_for_spot(self) -> bool:
        tasks = (*self.tasks, *self._starting)
        on_demand = sum(not task.on_spot for task in tasks)
        if on_demand < self.scaling.on_demand_tasks:
            return False
        return self._rng.random() * 100 < self.scaling.spot_percent

    def _start(self, task: Task, seconds: float) -> Process:
        while task.on_spot and not self._has_spot:
            yield self._spot_returned
        task.has_capacity = True
        yield self.env.timeout(seconds)
        self._starting.remove(task)
        if len(self.tasks) >= self.desired:
            return
        task.idle_since = self.env.now
        self.tasks.append(task)
        self._free += [task] * self.scaling.concurrency
        self.statistics.most_tasks = max(self.statistics.most_tasks, len(self.tasks))
        self._dispatch()

    def _dispatch(self) -> None:
        """Give waiting jobs to random free slots, as SQS does."""
        while self.waiting and self._free:
            task = self._take_free()
            if task.ended:
                continue
            job = self.waiting.popleft()
            if not job.begun:
                self._note_begun(job)
            task.runs.append(self.env.process(self._run(task, job)))

    def _note_begun(self, job: Job) -> None:
        job.begun = True
        wait = self.env.now - job.sent_at
        self.statistics.waits.append(wait)
        if job.was_asleep:
            self.statistics.asleep_waits.append(wait)

    def _take_free(self) -> Task:
        index = self._rng.randrange(len(self._free))
        task = self._free[index]
        self._free[index] = self._free[-1]
        self._free.pop()
        return task

    def _run(self, task: Task, job: Job) -> Process:
        begun_at = self.env.now
        try:
            yield self.env.timeout(job.seconds_left)
        except simpy.Interrupt:
            self.statistics.interruptions += 1
            done = self.env.now - begun_at
            job.seconds_left = min(job.seconds_left - done + REPEATED, job.seconds_left)
            self.waiting.appendleft(job)
            self._dispatch()
            return
        assert self.env.active_process is not None
        task.runs.remove(self.env.active_process)
        task.idle_since = self.env.now
        self._free.append(task)
        self._dispatch()

    def _end_idle(self) -> None:
        for task in list(self.tasks):
            if len(self.tasks) <= self.desired:
                return
            is_protected = task.runs or self.env.now - task.idle_since < LINGER
            if not is_protected:
                self.tasks.remove(task)
                task.ended = True
