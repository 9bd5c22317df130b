"""A deployment's AWS bill for a month, calculated from the list prices in prices.toml."""

import math
import tomllib
from dataclasses import dataclass
from datetime import date as Date
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

PRICES_FILE = Path(__file__).with_name("prices.toml")

#: Storage that each Fargate task has at no extra charge, GiB.
FREE_STORAGE_GIB = 20
ARTIFACT_RETENTION_DAYS = 100
#: Capacity that an always-on deployment needs at noon, as a multiple of the average load (from the
#: day that benchmarks.capacity simulates).
NOON_PEAK = 1.9
SECRETS = 3
#: Share of the load balancer's capacity unit that the intake uses.
LCU_SHARE = 0.1
#: Flow logs, as a share of the traffic through the NAT gateway.
FLOW_LOG_SHARE = 0.005

Architecture = Literal["ARM64", "X86_64"]
Nat = Literal["single", "per_zone"]


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
    on_demand_tasks: float = 1
    spot_percent: float = 75
    zones: float = 2
    nat: Nat = "single"
    interface_endpoints: bool = False
    flow_logs: bool = False
    waf_requests_per_5_minutes: float | None = None


#: The first design: two tasks of 2 vCPU and 4 GB, always on, on demand, with a NAT gateway in each
#: zone.
FIRST_DESIGN = Deployment(
    architecture="X86_64",
    storage_gib=20,
    min_tasks=2,
    max_tasks=2,
    on_demand_tasks=2,
    spot_percent=0,
    nat="per_zone",
)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FargatePrices(_Table):
    vcpu_hour: float
    gb_hour: float


class FargateExtras(_Table):
    """Prices that are the same on both architectures."""

    storage_gb_hour: float
    spot_share: float


class Fargate(_Table):
    X86_64: FargatePrices
    ARM64: FargatePrices
    both: FargateExtras


class NetworkPrices(_Table):
    nat_hour: float
    nat_gb: float
    endpoint_zone_hour: float
    endpoints: int
    public_ipv4_hour: float
    alb_hour: float
    lcu_hour: float
    waf_month: float
    flow_log_gb: float


class RequestPrices(_Table):
    sqs_million: float
    sns_million: float
    dynamodb_write_million: float
    dynamodb_read_million: float
    s3_put_thousand: float
    s3_get_thousand: float


class StoragePrices(_Table):
    s3_gb_month: float
    dynamodb_gb_month: float
    log_gb: float
    log_gb_month: float
    secret_month: float
    metric_month: float
    alarm_metric_month: float
    ecr_gb_month: float


class Assumptions(_Table):
    """Assumed usage of one job and one task; prices.toml explains each figure."""

    run_minutes: float
    paid_share: float
    idle_polls_hour: float
    nat_gb: float
    sqs_calls: float
    sns_calls: float
    dynamodb_writes: float
    dynamodb_reads: float
    s3_puts: float
    s3_gets: float
    s3_mb: float
    log_mb: float
    own_metrics: float
    insights_metrics: float
    alarm_metrics: float
    image_gb: float
    images: float


class PriceList(_Table):
    """The content of prices.toml: US dollars, with the units in the names."""

    date: Date
    region: str
    hours_per_month: float
    fargate: Fargate
    network: NetworkPrices
    requests: RequestPrices
    storage: StoragePrices
    assumed: Assumptions


@dataclass(frozen=True)
class Bill:
    """US dollars a month by part; ``tasks`` is the average number of running tasks."""

    tasks: float
    parts: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.parts.values())


class Overloaded(ValueError):
    """There are more jobs than max_tasks can run."""


def read_prices() -> PriceList:
    return PriceList.model_validate(tomllib.loads(PRICES_FILE.read_text(encoding="utf-8")))


def busy_tasks(deployment: Deployment, jobs_per_day: float, prices: PriceList) -> float:
    """Return how many tasks the jobs would keep busy if they arrived evenly."""
    busy_minutes = jobs_per_day * prices.assumed.run_minutes
    return busy_minutes / (24 * 60) / deployment.concurrency


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
            f"{jobs_per_day:g} jobs a day, of {prices.assumed.run_minutes:g} minutes, keep"
            f" {busy:.1f} tasks busy, and max_tasks is {deployment.max_tasks:g}"
        )
    desired = busy * prices.assumed.paid_share + math.sqrt(busy)
    return min(max(desired, deployment.min_tasks), deployment.max_tasks)


def first_design_tasks(jobs_per_day: float, prices: PriceList) -> int:
    """Return how many tasks the first design, which does not scale, needs for the noon peak."""
    busy = busy_tasks(FIRST_DESIGN, jobs_per_day, prices)
    return max(2, math.ceil(NOON_PEAK * busy))


def task_hour(deployment: Deployment, prices: PriceList) -> float:
    """Return the on-demand price of one task for an hour, in US dollars."""
    fargate: FargatePrices = getattr(prices.fargate, deployment.architecture)
    vcpus = deployment.cpu / 1024
    memory_gb = deployment.memory / 1024
    paid_storage = max(deployment.storage_gib - FREE_STORAGE_GIB, 0)
    computing = vcpus * fargate.vcpu_hour + memory_gb * fargate.gb_hour
    return computing + paid_storage * prices.fargate.both.storage_gb_hour


def monthly_bill(
    deployment: Deployment, tasks: float, jobs_per_day: float, prices: PriceList
) -> Bill:
    """Return the bill for a month in which ``tasks`` run on average. Parts that cost nothing are
    left out.
    """
    jobs = jobs_per_day * prices.hours_per_month / 24
    parts = {
        "tasks": _tasks_usd(deployment, tasks, prices),
        **_network_usd(deployment, jobs, prices),
        **_services_usd(tasks, jobs, prices),
        "logs": _logs_usd(deployment, jobs, prices),
        **_fixed_usd(prices),
    }
    return Bill(tasks, {name: usd for name, usd in parts.items() if usd})


def _tasks_usd(deployment: Deployment, tasks: float, prices: PriceList) -> float:
    on_demand = min(tasks, deployment.on_demand_tasks)
    on_spot = (tasks - on_demand) * deployment.spot_percent / 100
    spot_discount = 1 - prices.fargate.both.spot_share
    full_price_tasks = tasks - on_spot * spot_discount
    return full_price_tasks * task_hour(deployment, prices) * prices.hours_per_month


def _network_usd(deployment: Deployment, jobs: float, prices: PriceList) -> dict[str, float]:
    network = prices.network
    hours = prices.hours_per_month
    gateways = deployment.zones if deployment.nat == "per_zone" else 1
    nat_traffic = _nat_gb(jobs, prices) * network.nat_gb
    endpoint_hour = 0.0
    if deployment.interface_endpoints:
        endpoint_hour = network.endpoints * deployment.zones * network.endpoint_zone_hour
    balancer_hour = network.alb_hour + LCU_SHARE * network.lcu_hour
    addresses = deployment.zones + gateways
    return {
        "NAT gateways": gateways * network.nat_hour * hours + nat_traffic,
        "interface endpoints": endpoint_hour * hours,
        "load balancer": balancer_hour * hours,
        "public addresses": addresses * network.public_ipv4_hour * hours,
        "WAF": network.waf_month if deployment.waf_requests_per_5_minutes else 0.0,
    }


def _services_usd(tasks: float, jobs: float, prices: PriceList) -> dict[str, float]:
    assumed = prices.assumed
    requests = prices.requests
    idle_polls = tasks * prices.hours_per_month * assumed.idle_polls_hour
    sqs = (jobs * assumed.sqs_calls + idle_polls) * requests.sqs_million
    sns = jobs * assumed.sns_calls * requests.sns_million
    writes = jobs * assumed.dynamodb_writes * requests.dynamodb_write_million
    reads = jobs * assumed.dynamodb_reads * requests.dynamodb_read_million
    puts = jobs * assumed.s3_puts * requests.s3_put_thousand
    gets = jobs * assumed.s3_gets * requests.s3_get_thousand
    stored_gb = jobs * assumed.s3_mb / 1000 * ARTIFACT_RETENTION_DAYS / 30
    return {
        "queue and events": (sqs + sns) / 1e6,
        "store": (writes + reads) / 1e6,
        "artifacts": (puts + gets) / 1000 + stored_gb * prices.storage.s3_gb_month,
    }


def _logs_usd(deployment: Deployment, jobs: float, prices: PriceList) -> float:
    log_gb = jobs * prices.assumed.log_mb / 1000
    service_logs = log_gb * (prices.storage.log_gb + prices.storage.log_gb_month)
    if not deployment.flow_logs:
        return service_logs
    flow_log_gb = _nat_gb(jobs, prices) * FLOW_LOG_SHARE
    return service_logs + flow_log_gb * prices.network.flow_log_gb


def _fixed_usd(prices: PriceList) -> dict[str, float]:
    assumed = prices.assumed
    storage = prices.storage
    metrics = (assumed.own_metrics + assumed.insights_metrics) * storage.metric_month
    alarms = assumed.alarm_metrics * storage.alarm_metric_month
    return {
        "metrics and alarms": metrics + alarms,
        "secrets": SECRETS * storage.secret_month,
        "images": assumed.images * assumed.image_gb * storage.ecr_gb_month,
    }


def _nat_gb(jobs: float, prices: PriceList) -> float:
    return jobs * prices.assumed.nat_gb
