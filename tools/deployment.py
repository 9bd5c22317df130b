"""A deployment as its bill sees it, and how many tasks it runs for a load."""

import math
from dataclasses import dataclass
from typing import Literal

from tools.prices import PriceList

#: Capacity that an always-on deployment needs at noon, as a multiple of the average load (from the
#: day that benchmarks.capacity simulates).
NOON_PEAK = 1.9
MINUTES_PER_DAY = 24 * 60
WORKDAYS = 5

Architecture = Literal["ARM64", "X86_64"]
DnsFirewall = Literal["off", "alert", "block"]
WafRules = Literal["off", "count", "block"]
Nat = Literal["instance", "gateway", "gateway_per_zone", "none"]


@dataclass(frozen=True)
class Deployment:
    """The variables of terraform/variables.tf that the bill depends on, with their defaults."""

    architecture: Architecture = "ARM64"
    cpu: float = 2048
    memory: float = 4096
    storage_gib: float = 40
    concurrency: float = 2
    min_tasks: float = 1
    max_tasks: float = 10
    on_demand_tasks: float = 0
    spot_percent: float = 100
    night: str | None = None
    night_weekends: bool = False
    zones: float = 2
    nat: Nat = "instance"
    interface_endpoints: bool = False
    flow_logs: bool = False
    waf_requests_per_5_minutes: float | None = None
    waf_managed_rules: WafRules = "off"
    dns_firewall: DnsFirewall = "off"

    @property
    def may_sleep(self) -> bool:
        """Whether there may be no task while there is no work."""
        return self.min_tasks == 0 or self.night is not None

    @property
    def awake_share(self) -> float:
        """The share of the week outside the night, 0 to 1."""
        if self.night is None:
            return 1.0
        evening, morning = (minute_of_day(time) for time in self.night.split("-"))
        awake_minutes = (evening - morning) % MINUTES_PER_DAY
        days = WORKDAYS if self.night_weekends else 7
        return awake_minutes * days / (MINUTES_PER_DAY * 7)


#: The first design: two tasks of 2 vCPU and 4 GB, always on, on demand, with a NAT gateway in each
#: zone.
FIRST_DESIGN = Deployment(
    architecture="X86_64",
    storage_gib=20,
    min_tasks=2,
    max_tasks=2,
    on_demand_tasks=2,
    spot_percent=0,
    nat="gateway_per_zone",
)


class Overloaded(ValueError):
    """There are more jobs than max_tasks can run."""


def minute_of_day(time: str) -> int:
    """Return the minute of HH:MM, 0 to 1439."""
    hour, _, minute = time.partition(":")
    return int(hour) * 60 + int(minute)


def busy_tasks(deployment: Deployment, jobs_per_day: float, prices: PriceList) -> float:
    """Return how many tasks the jobs would keep busy if they arrived evenly."""
    busy_minutes = jobs_per_day * prices.assume("run_minutes")
    return busy_minutes / MINUTES_PER_DAY / deployment.concurrency


def average_tasks(deployment: Deployment, jobs_per_day: float, prices: PriceList) -> float:
    """Return how many tasks the scaling runs on average: the busy ones, those that stop late, and
    those that stand by for bursts. The formula fits `python -m benchmarks.capacity` at the default
    scaling.

    Raises:
        Overloaded: the jobs need more than ``max_tasks``, even if all of them always ran.
    """
    busy = busy_tasks(deployment, jobs_per_day, prices)
    if busy > deployment.max_tasks:
        raise Overloaded(
            f"{jobs_per_day:g} jobs a day, of {prices.assume('run_minutes'):g} minutes, keep"
            f" {busy:.1f} tasks busy, and max_tasks is {deployment.max_tasks:g}"
        )
    wanted = busy * prices.assume("paid_share") + math.sqrt(busy)
    asleep = min(wanted, deployment.max_tasks)
    awake = max(asleep, deployment.min_tasks)
    return awake * deployment.awake_share + asleep * (1 - deployment.awake_share)


def first_design_tasks(jobs_per_day: float, prices: PriceList) -> int:
    """Return how many tasks the first design, which does not scale, needs for the noon peak."""
    busy = busy_tasks(FIRST_DESIGN, jobs_per_day, prices)
    return max(2, math.ceil(NOON_PEAK * busy))
