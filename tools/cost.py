"""``python -m tools.cost``: estimate a deployment's monthly AWS bill, beside the first design's."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from tools.bill import DAYS_PER_MONTH, Bill, Line, monthly_bill
from tools.deployment import (
    FIRST_DESIGN,
    Deployment,
    Overloaded,
    average_tasks,
    first_design_tasks,
)
from tools.inventory import UnknownResources, check_resources, read_inventory
from tools.prices import PriceList, read_prices
from tools.tfvars import InvalidVariables, read_deployment

#: The estimate for two tasks that came with the first design, US dollars a month.
FIRST_DESIGN_ESTIMATE = (200, 300)
#: The number of tasks if no load is given.
DEFAULT_TASKS = 2.0


@dataclass(frozen=True)
class Comparison:
    """A deployment's bill and the first design's, at the same prices."""

    bill: Bill
    first_design: Bill
    jobs_per_day: float
    prices: PriceList

    @property
    def share(self) -> float:
        return self.bill.total / self.first_design.total

    @property
    def usd_per_job(self) -> float | None:
        if not self.jobs_per_day:
            return None
        return self.bill.total / (self.jobs_per_day * DAYS_PER_MONTH)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--tfvars",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A .tfvars file, or the main.tf of a root module; default: the defaults of terraform/.",
)
@click.option(
    "--jobs-per-day",
    type=click.FloatRange(0, 1_000_000),
    metavar="N",
    help=(
        "Estimate the number of tasks from this load; default: two tasks, always but at night, as"
        " in the first design."
    ),
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, in US dollars.")
def main(tfvars: Path | None, jobs_per_day: float | None, as_json: bool) -> None:
    """Estimate the monthly AWS bill by part, beside the first design's at the same prices, and
    line by line: quantity, price and what was assumed.

    The prices are list prices of us-east-1 on the printed date, without free tiers and taxes;
    tools/prices.toml names AWS's page of each. The cost of models is not included:
    CODING_AGENT_MAX_COST_USD_PER_DAY limits that.

    \b
    Examples:
      python -m tools.cost
      python -m tools.cost --tfvars terraform/examples/production/main.tf --jobs-per-day 500
      python -m tools.cost --jobs-per-day 500 --json | jq .total_usd
    """
    try:
        deployment = read_deployment(tfvars) if tfvars else Deployment()
        comparison = compare(deployment, jobs_per_day)
    except (InvalidVariables, UnknownResources) as error:
        raise click.UsageError(str(error)) from None
    except Overloaded as error:
        raise click.UsageError(f"{error}: raise max_tasks, or send fewer jobs") from None
    if as_json:
        click.echo(json.dumps(to_json(comparison)))
    else:
        print_table(comparison)


def compare(deployment: Deployment, jobs_per_day: float | None) -> Comparison:
    """Calculate both bills.

    Raises:
        Overloaded: the deployment can't run that many jobs.
        UnknownResources: Terraform has resources that the bill leaves out.
    """
    prices = read_prices()
    check_resources(prices)
    inventory = read_inventory()
    if jobs_per_day is None:
        jobs = prices.assume("jobs_per_day")
        tasks = DEFAULT_TASKS * deployment.awake_share
    else:
        jobs = jobs_per_day
        tasks = average_tasks(deployment, jobs, prices)
    always_on = first_design_tasks(jobs, prices)
    return Comparison(
        bill=monthly_bill(deployment, tasks, jobs, prices, inventory),
        first_design=monthly_bill(FIRST_DESIGN, always_on, jobs, prices, inventory),
        jobs_per_day=jobs,
        prices=prices,
    )


def to_json(comparison: Comparison) -> dict[str, Any]:
    bill = comparison.bill
    first_design = comparison.first_design
    usd_per_job = comparison.usd_per_job
    return {
        "prices_of": f"{comparison.prices.date:%Y-%m-%d}",
        "region": comparison.prices.region,
        "jobs_per_day": comparison.jobs_per_day,
        "average_tasks": round(bill.tasks, 2),
        "parts": _rounded(bill.parts),
        "lines": [_line_to_json(line) for line in bill.lines],
        "pages": comparison.prices.pages,
        "total_usd": round(bill.total, 2),
        "usd_per_job": None if usd_per_job is None else round(usd_per_job, 4),
        "first_design": {
            "tasks": first_design.tasks,
            "parts": _rounded(first_design.parts),
            "total_usd": round(first_design.total, 2),
            "estimated_usd": list(FIRST_DESIGN_ESTIMATE),
        },
        "share": round(comparison.share, 3),
    }


def print_table(comparison: Comparison) -> None:
    bill = comparison.bill
    first_design = comparison.first_design
    click.echo(f"{'US dollars a month':<22}{'this':>10}{'first design':>14}")
    names = dict.fromkeys([*bill.parts, *first_design.parts])
    for name in names:
        usd = bill.parts.get(name, 0)
        first_usd = first_design.parts.get(name, 0)
        click.echo(f"{name:<22}{usd:>10.2f}{first_usd:>14.2f}")
    low, high = FIRST_DESIGN_ESTIMATE
    totals = f"{'total':<22}{bill.total:>10.2f}{first_design.total:>14.2f}"
    click.echo(f"{totals}   (estimated for 2 tasks: {low} to {high})")
    click.echo("\nline by line: quantity x price, and what was assumed")
    for line in bill.lines:
        click.echo(_described(line))
    click.echo("\npages with the prices:")
    for page in sorted({line.page for line in bill.lines}):
        click.echo(f"  [{page}] {comparison.prices.pages[page]}")
    click.echo(f"\n{_summary(comparison)}")


def _summary(comparison: Comparison) -> str:
    load = f"{comparison.jobs_per_day:g} jobs a day"
    per_job = ""
    if comparison.usd_per_job is not None:
        per_job = f", {comparison.usd_per_job:.4f} a job"
    prices = comparison.prices
    return (
        f"{load}: {round(comparison.bill.tasks, 2):g} tasks on average{per_job};"
        f" {comparison.share:.0%} of the first design's bill, with"
        f" {comparison.first_design.tasks:g} tasks always.\n"
        f"AWS list prices of {prices.region}, {prices.date:%Y-%m-%d}; models' prices are not"
        " included."
    )


def _described(line: Line) -> str:
    price = f"{line.quantity:,.6g} {line.unit} x {line.usd_each:.6g}"
    text = f"  {line.usd:>8.2f}  {line.part}, {line.what}: {price} [{line.page}]"
    return f"{text} ({line.assumed})" if line.assumed else text


def _line_to_json(line: Line) -> dict[str, Any]:
    return {**asdict(line), "usd": round(line.usd, 4)}


def _rounded(parts: dict[str, float]) -> dict[str, float]:
    return {name: round(usd, 2) for name, usd in parts.items()}


if __name__ == "__main__":
    main(prog_name="python -m tools.cost")
