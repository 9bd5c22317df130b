"""What happens to a simulated service: arriving jobs, scaling, nights, and Spot's interruptions.

Used by benchmarks.capacity. The constants are assumptions; AWS publishes no figures for Fargate's
Spot. EC2's Spot advisor calls interruptions of less than 5 percent of the instances in a month rare
and of more than 20 percent frequent (https://aws.amazon.com/ec2/spot/instance-advisor/).
"""

import math
import random
from collections import deque

from benchmarks.simulated_service import Process, Service
from tools.deployment import minute_of_day

#: Seconds. The metrics of SQS and ECS cover a minute, and arrive a minute late.
METRICS_LATE = 60
#: Minutes for which the metric must exceed the target before target tracking's alarm fires
#: (https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html).
OVER_MINUTES = 3
OUT_COOLDOWN = 60
IN_COOLDOWN = 300
#: Seconds between two tasks that the step "first" starts.
FIRST_COOLDOWN = 300
#: Jobs in a burst, and the share of jobs that arrive in bursts.
BURST = 20
BURST_SHARE = 0.2
#: Amplitude of the arrival rate's daily cycle: at noon it is (1 + SWING) times its mean.
SWING = 0.9
DAY = 86_400
#: Mean days for which a task on Spot runs before AWS takes it back: six times a month.
SPOT_DAYS = 5
#: Mean days from one time without any Spot capacity to the next, and its length in seconds.
DROUGHT_DAYS = 30
DROUGHT = 3600
#: Seconds between two looks at which tasks Spot takes back.
SPOT_STEP = 60


class Autoscaler:
    """Target tracking that adds tasks and step scaling that ends them, once a minute, and the step
    that starts the first task of a service that may sleep (terraform/modules/service/scaling.tf).
    """

    def __init__(self, service: Service):
        self._service = service
        self._target = service.scaling.jobs_per_task
        self._minutes_over = 0
        self._minutes_under = 0
        self._out_at = -math.inf
        self._in_at = -math.inf
        self._first_at = -math.inf

    def run(self) -> Process:
        """Scale every minute by the previous minute's metrics."""
        service = self._service
        metrics: deque[tuple[int, int, int]] = deque([(0, 0, 1)], maxlen=METRICS_LATE // 60 + 1)
        while True:
            yield service.env.timeout(60)
            metrics.append((len(service.waiting), service.running, len(service.tasks)))
            visible, in_flight, tasks = metrics[0]
            if service.scaling.may_sleep and visible:
                self._start_first()
            self._scale(tasks, (visible + in_flight) / max(tasks, 1))

    def _start_first(self) -> None:
        now = self._service.env.now
        if now - self._first_at >= FIRST_COOLDOWN:
            self._first_at = now
            self._service.set_desired(self._service.desired + 1)

    def _scale(self, tasks: int, jobs_per_task: float) -> None:
        if jobs_per_task > self._target:
            self._minutes_over += 1
        else:
            self._minutes_over = 0
        if jobs_per_task < self._target / 2:
            self._minutes_under += 1
        else:
            self._minutes_under = 0
        now = self._service.env.now
        is_out_ready = now - self._out_at >= OUT_COOLDOWN
        if self._minutes_over >= OVER_MINUTES and is_out_ready:
            self._add(math.ceil(tasks * jobs_per_task / self._target))
            return
        is_in_ready = now - self._in_at >= IN_COOLDOWN
        if self._minutes_under >= self._service.scaling.scale_in_minutes and is_in_ready:
            self._end(0.5 if jobs_per_task <= self._target / 4 else 0.1)

    def _add(self, desired: int) -> None:
        if desired > self._service.desired:
            self._out_at = self._service.env.now
            self._service.set_desired(desired)

    def _end(self, share: float) -> None:
        self._in_at = self._service.env.now
        desired = self._service.desired
        self._service.set_desired(desired - max(1, int(desired * share)))


def arrivals(service: Service, jobs_per_day: float, rng: random.Random) -> Process:
    """Send jobs in a Poisson process that follows office hours, some of them in bursts."""
    events_per_job = 1 - BURST_SHARE + BURST_SHARE / BURST
    burst_share = BURST_SHARE / BURST / events_per_job
    peak = jobs_per_day * events_per_job / DAY * (1 + SWING)
    while True:
        yield service.env.timeout(rng.expovariate(peak))
        angle = 2 * math.pi * service.env.now / DAY
        rate = 1 - SWING * math.cos(angle)
        if rng.random() >= rate / (1 + SWING):
            continue
        jobs = BURST if rng.random() < burst_share else 1
        for _ in range(jobs):
            service.send()


def nights(service: Service, night: str) -> Process:
    """Let the last task end in the evening, and have the least number again in the morning."""
    evening, morning = (60 * minute_of_day(time) for time in night.split("-"))
    awake = service.scaling.min_tasks
    changes = sorted([(evening, 0), (morning, awake)])
    while True:
        for second, tasks in changes:
            now = service.env.now % DAY
            delay = (second - now) % DAY
            yield service.env.timeout(delay)
            service.set_min_tasks(tasks)


def interruptions(service: Service, rng: random.Random) -> Process:
    """Take back single tasks on Spot."""
    probability = SPOT_STEP / (SPOT_DAYS * DAY)
    while True:
        yield service.env.timeout(SPOT_STEP)
        for task in list(service.tasks):
            if task.on_spot and rng.random() < probability:
                service.lose(task)


def droughts(service: Service, rng: random.Random) -> Process:
    """Take back all tasks on Spot from time to time, and start none there for a while."""
    while True:
        yield service.env.timeout(rng.expovariate(1 / (DROUGHT_DAYS * DAY)))
        service.lose_spot()
        yield service.env.timeout(DROUGHT)
        service.return_spot()
