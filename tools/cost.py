"""``coding-agent cost``: the month's bill of a deployment by part, from the dated list prices of
tools/prices.toml.
"""

import json
import math
import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from cli import exits
from cli.command import CommandError

PRICES = Path(__file__).with_name("prices.toml")
#: What two tasks of the first design were said to cost in a month, US dollars.
SEED_RANGE = (200, 300)


@dataclass(frozen=True)
class Deployment:
    """The variables of terraform/variables.tf that the bill depends on, with their defaults."""

    architecture: str = "ARM64"
    cpu: float = 2048
    memory: float = 4096
    storage_gib: float = 40
    concurrency: float = 2
    min_tasks: float = 1
    max_tasks: float = 10
    on_demand_tasks: float = 1
    spot_percent: float = 75
    zones: float = 2
    nat: str = "single"
    interface_endpoints: bool = False
    flow_logs: bool = False
    waf_requests_per_5_minutes: float | None = None


#: The first design: two tasks of 2 vCPU and 4 GB, always, on demand, with a NAT gateway in each
#: zone.
SEED = Deployment(
    architecture="X86_64",
    storage_gib=20,
    min_tasks=2,
    max_tasks=2,
    on_demand_tasks=2,
    spot_percent=0,
    nat="per_zone",
)
#: What always runs must do for the load at noon (benchmarks.capacity's day), times the average.
NOON = 1.9


@dataclass(frozen=True)
class Bill:
    """US dollars a month by part; ``tasks`` is how many run on average."""

    tasks: float
    parts: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.parts.values())


class Overloaded(ValueError):
    """The jobs are more than max_tasks can do."""


def prices() -> dict[str, Any]:
    return tomllib.loads(PRICES.read_text(encoding="utf-8"))


def used_tasks(deployment: Deployment, jobs_per_day: float, table: dict[str, Any]) -> float:
    """How many tasks the jobs would keep busy if they came evenly."""
    return float(
        jobs_per_day * table["assumed"]["run_minutes"] / (24 * 60) / deployment.concurrency
    )


def average_tasks(deployment: Deployment, jobs_per_day: float, table: dict[str, Any]) -> float:
    """How many tasks the scaling keeps on average: those that are used, and what ends late or stands by for bursts. It
    fits `python -m benchmarks.capacity` at the default scaling.

    Raises:
        Overloaded: even if all of ``max_tasks`` always ran.
    """
    assumed = table["assumed"]
    used = used_tasks(deployment, jobs_per_day, table)
    if used > deployment.max_tasks:
        raise Overloaded(
            f"{jobs_per_day:g} jobs a day, of {assumed['run_minutes']:g} minutes, keep {used:.1f}"
            f" tasks busy, and max_tasks is {deployment.max_tasks:g}"
        )
    wanted = used * assumed["paid_share"] + math.sqrt(used)
    return float(min(max(wanted, deployment.min_tasks), deployment.max_tasks))


def task_hour(deployment: Deployment, table: dict[str, Any]) -> float:
    """US dollars of a task for an hour, on demand."""
    fargate = table["fargate"][deployment.architecture]
    both = table["fargate"]["both"]
    computing = (
        deployment.cpu / 1024 * fargate["vcpu_hour"] + deployment.memory / 1024 * fargate["gb_hour"]
    )
    return float(computing + max(deployment.storage_gib - 20, 0) * both["storage_gb_hour"])


def bill(deployment: Deployment, tasks: float, jobs_per_day: float, table: dict[str, Any]) -> Bill:
    """A month with ``tasks`` running on average."""
    hours = table["hours_per_month"]
    net = table["network"]
    assumed = table["assumed"]
    requests = table["requests"]
    kept = table["kept"]
    jobs = jobs_per_day * hours / 24
    on_demand = min(tasks, deployment.on_demand_tasks)
    on_spot = (tasks - on_demand) * deployment.spot_percent / 100
    full_price = tasks - on_spot * (1 - table["fargate"]["both"]["spot_share"])
    gateways = deployment.zones if deployment.nat == "per_zone" else 1
    fetched = jobs * assumed["nat_gb"]
    endpoints = (
        net["endpoints"] * deployment.zones * net["endpoint_zone_hour"]
        if deployment.interface_endpoints
        else 0
    )
    logs = jobs * assumed["log_mb"] / 1000
    metrics = assumed["own_metrics"] + assumed["insights_metrics"]
    sqs = jobs * assumed["sqs_calls"] + tasks * hours * assumed["idle_polls_hour"]
    sns = jobs * assumed["sns_calls"]
    stored = jobs * assumed["s3_mb"] / 1000 * 100 / 30  # kept for 100 days
    parts = {
        "tasks": full_price * task_hour(deployment, table) * hours,
        "NAT gateways": gateways * net["nat_hour"] * hours + fetched * net["nat_gb"],
        "interface endpoints": endpoints * hours,
        "load balancer": (net["alb_hour"] + 0.1 * net["lcu_hour"]) * hours,
        "public addresses": (deployment.zones + gateways) * net["public_ipv4_hour"] * hours,
        "WAF": net["waf_month"] if deployment.waf_requests_per_5_minutes else 0,
        "queue and events": (sqs * requests["sqs_million"] + sns * requests["sns_million"]) / 1e6,
        "store": (
            jobs
            * (
                assumed["dynamodb_writes"] * requests["dynamodb_write_million"]
                + assumed["dynamodb_reads"] * requests["dynamodb_read_million"]
            )
            / 1e6
        ),
        "artifacts": (
            jobs
            * (
                assumed["s3_puts"] * requests["s3_put_thousand"]
                + assumed["s3_gets"] * requests["s3_get_thousand"]
            )
            / 1000
            + stored * kept["s3_gb_month"]
        ),
        "logs": (
            logs * (kept["log_gb"] + kept["log_gb_month"])
            + (fetched * 0.005 * net["flow_log_gb"] if deployment.flow_logs else 0)
        ),
        "metrics and alarms": (
            metrics * kept["metric_month"] + assumed["alarm_metrics"] * kept["alarm_metric_month"]
        ),
        "secrets": 3 * kept["secret_month"],
        "images": assumed["images"] * assumed["image_gb"] * kept["ecr_gb_month"],
    }
    return Bill(tasks, {name: usd for name, usd in parts.items() if usd})


def read_tfvars(path: Path) -> Deployment:
    """The deployment that a .tfvars file, or the module block of a root, describes; what has no price is passed over.

    Raises:
        CommandError: a value that the bill depends on is not of its kind.
    """
    found: dict[str, Any] = {}
    kinds = {field.name: type(field.default) for field in fields(Deployment)}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} can't be read: {error}", exits.USAGE) from None
    for number, line in enumerate(lines, 1):
        match = re.fullmatch(
            r'\s*(\w+)\s*=\s*("[^"]*"|(?!var\.|local\.)[\w.+-]+)\s*(?:(?:#|//).*)?', line
        )
        if match is None or match[1] not in kinds or match[2] == "null":
            continue
        try:
            found[match[1]] = _value(match[2], kinds[match[1]])
        except ValueError as error:
            raise CommandError(f"{path}, line {number}: {match[1]} {error}", exits.USAGE) from None
    deployment = Deployment(**found)
    if not deployment.concurrency:
        raise CommandError(f"{path}: concurrency is 0; it must be more than 0", exits.USAGE)
    for name, known in (("architecture", ("ARM64", "X86_64")), ("nat", ("single", "per_zone"))):
        if getattr(deployment, name) not in known:
            raise CommandError(
                f"{path}: {name} is {getattr(deployment, name)!r}; it may be {' or '.join(known)}",
                exits.USAGE,
            )
    return deployment


def _value(text: str, kind: type) -> Any:
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError(f"is {text}; it may be true or false")
        return text == "true"
    if kind is str:
        return text.strip('"')
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"is {text}, and no number") from None
    if not 0 <= number < 1e9:
        raise ValueError(f"is {text}; it must be 0 or more")
    return number


@click.command("cost")
@click.option(
    "--tfvars",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A .tfvars file, or a root's main.tf; without it terraform/'s defaults.",
)
@click.option(
    "--jobs-per-day",
    type=click.FloatRange(0, 1_000_000),
    metavar="N",
    help=(
        "Let the scaling choose the tasks for so many jobs; without it two tasks run always, as in"
        " the first design."
    ),
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, amounts in US dollars.")
def command(tfvars: Path | None, jobs_per_day: float | None, as_json: bool) -> None:
    """Tell the month's AWS bill by part, beside the first design's by the same prices.

    List prices of us-east-1, of the day that is told, without free tiers and taxes; what a job uses is assumed
    (tools/prices.toml). What models cost is not in it: CODING_AGENT_MAX_COST_USD_PER_DAY bounds that.

    \b
    Examples:
      coding-agent cost
      coding-agent cost --tfvars terraform/examples/production/main.tf --jobs-per-day 500
      coding-agent cost --jobs-per-day 500 --json | jq .total_usd
    """
    table = prices()
    deployment = read_tfvars(tfvars) if tfvars else Deployment()
    jobs = jobs_per_day or 0.0
    try:
        tasks = 2.0 if jobs_per_day is None else average_tasks(deployment, jobs, table)
    except Overloaded as error:
        raise CommandError(f"{error}: raise max_tasks, or send less", exits.USAGE) from None
    always = max(2, math.ceil(NOON * used_tasks(SEED, jobs, table)))
    ours = bill(deployment, tasks, jobs, table)
    seed = bill(SEED, always, jobs, table)
    told = {
        "prices_of": f"{table['date']:%Y-%m-%d}",
        "region": table["region"],
        "jobs_per_day": jobs_per_day,
        "average_tasks": round(ours.tasks, 2),
        "parts": {name: round(usd, 2) for name, usd in ours.parts.items()},
        "total_usd": round(ours.total, 2),
        "usd_per_job": round(ours.total / (jobs * 30.4), 4) if jobs else None,
        "first_design": {
            "tasks": always,
            "parts": {name: round(usd, 2) for name, usd in seed.parts.items()},
            "total_usd": round(seed.total, 2),
            "said_usd": list(SEED_RANGE),
        },
        "share": round(ours.total / seed.total, 3),
    }
    if as_json:
        click.echo(json.dumps(told))
        return
    _print(ours, seed, told)


def _print(ours: Bill, seed: Bill, told: dict[str, Any]) -> None:
    click.echo(f"{'US dollars a month':<22}{'this':>10}{'first design':>14}")
    for name in dict.fromkeys([*ours.parts, *seed.parts]):
        click.echo(f"{name:<22}{ours.parts.get(name, 0):>10.2f}{seed.parts.get(name, 0):>14.2f}")
    said = f"   (said for 2: {SEED_RANGE[0]} to {SEED_RANGE[1]})"
    click.echo(f"{'total':<22}{ours.total:>10.2f}{seed.total:>14.2f}{said}")
    load = (
        "two tasks, always"
        if told["jobs_per_day"] is None
        else f"{told['jobs_per_day']:g} jobs a day"
    )
    each = f", {told['usd_per_job']:.4f} a job" if told["usd_per_job"] else ""
    click.echo(
        f"\n{load}: {told['average_tasks']:g} tasks on average{each}; {told['share']:.0%} of the"
        f" first design's bill, with {seed.tasks:g} tasks always.\nAWS list prices of"
        f" {told['region']}, {told['prices_of']}; models' prices are not in it."
    )
