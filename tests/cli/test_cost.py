"""``coding-agent cost``: the bill adds up, follows the variables, and Terraform's defaults are its
own.
"""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.cli.console import ROOT, Console
from tools import cost

VARIABLES = ROOT / "terraform/variables.tf"


def told(console: Console, *arguments: str | Path) -> Any:
    return console.json("cost", "--json", *arguments)


def tfvars(console: Console, text: str) -> Path:
    path = console.folder / "terraform.tfvars"
    path.write_text(text)
    return path


def test_the_total_is_the_sum_of_the_parts_and_the_prices_have_a_date(console: Console) -> None:
    bill = told(console)
    assert bill["total_usd"] == pytest.approx(sum(bill["parts"].values()), abs=0.1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", bill["prices_of"])
    assert bill["first_design"]["said_usd"] == [200, 300]


def test_the_first_design_costs_what_it_was_said_to_cost(console: Console) -> None:
    assert 200 <= told(console)["first_design"]["total_usd"] <= 300


def test_two_tasks_on_spot_cost_less_than_half_of_the_first_design(console: Console) -> None:
    path = tfvars(console, "on_demand_tasks = 0\nspot_percent = 100\n")
    assert told(console, "--tfvars", path)["share"] < 0.5
    assert told(console)["share"] < 0.7, "the defaults, with one task on demand"


def test_fargates_price_is_hours_times_size(console: Console) -> None:
    path = tfvars(
        console,
        'architecture = "X86_64"\ncpu = 1024\nmemory = 2048\nstorage_gib = 20\non_demand_tasks'
        " = 2\n",
    )
    parts = told(console, "--tfvars", path)["parts"]
    assert parts["tasks"] == pytest.approx(2 * 730 * (0.04048 + 2 * 0.004445), abs=0.01)


def test_more_jobs_cost_more_and_each_costs_less(console: Console) -> None:
    path = tfvars(console, "max_tasks = 600")
    bills = [
        told(console, "--tfvars", path, "--jobs-per-day", str(jobs))
        for jobs in (100, 1_000, 10_000, 100_000)
    ]
    totals, each, tasks = (
        [bill[name] for bill in bills] for name in ("total_usd", "usd_per_job", "average_tasks")
    )
    assert totals == sorted(totals) and tasks == sorted(tasks)
    assert each == sorted(each, reverse=True)


def test_the_first_design_has_tasks_enough_for_the_same_jobs(console: Console) -> None:
    assert told(console, "--jobs-per-day", "100")["first_design"]["tasks"] == 2
    bill = told(console, "--jobs-per-day", "2000")
    assert bill["first_design"]["tasks"] > bill["average_tasks"] > 2 and bill["share"] < 0.6


def test_no_jobs_keep_min_tasks(console: Console) -> None:
    assert told(console, "--jobs-per-day", "0")["average_tasks"] == 1


def test_more_jobs_than_max_tasks_can_do_are_refused(console: Console) -> None:
    assert "max_tasks is 10: raise max_tasks" in console.refused("cost", "--jobs-per-day", "100000")


def test_a_real_tfvars_file_is_read(console: Console) -> None:
    path = tfvars(
        console,
        """
        # our deployment
        architecture         = var.architecture
        image                = "1.dkr.ecr.us-east-1.amazonaws.com/coding-agent:1.0.0"
        allowed_repositories = [
          "octo/*",   # cpu = 16384
        ]
        nat                  = "per_zone" # one each
        zones                = 3
        interface_endpoints  = true
        certificate_arn      = null
        waf_requests_per_5_minutes = 500
        """,
    )
    parts = told(console, "--tfvars", path)["parts"]
    default = told(console)["parts"]
    assert parts["NAT gateways"] == pytest.approx(3 * default["NAT gateways"], abs=0.1)
    assert parts["interface endpoints"] > 100 and parts["WAF"] > 0
    assert "WAF" not in default and parts["tasks"] == default["tasks"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cpu = lots", "line 1: cpu is lots, and no number"),
        ("\nzones = -1", "line 2: zones is -1; it must be 0 or more"),
        ("flow_logs = 1", "line 1: flow_logs is 1; it may be true or false"),
        ('architecture = "arm"', "architecture is 'arm'; it may be ARM64 or X86_64"),
        ("concurrency = 0", "concurrency is 0; it must be more than 0"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(console: Console, text: str, said: str) -> None:
    assert said in console.refused("cost", "--tfvars", tfvars(console, text))


def test_a_person_reads_both_bills_side_by_side(console: Console) -> None:
    said = console.run("cost", "--jobs-per-day", "300").stdout
    assert re.search(r"^total +[\d.]+ +[\d.]+   \(said for 2: 200 to 300\)$", said, re.M)
    assert "300 jobs a day:" in said and "models' prices are not in it" in said


def test_the_defaults_are_terraforms() -> None:
    found: dict[str, Any] = {}
    for name, body in re.findall(
        r'^variable "(\w+)" \{\n(.*?)^\}', VARIABLES.read_text(), re.M | re.S
    ):
        if (default := re.search(r"^  default +=\s*(.+)$", body, re.M)) and name in asdict(
            cost.Deployment()
        ):
            text = default[1].strip()
            found[name] = (
                None
                if text == "null"
                else cost._value(text, type(getattr(cost.Deployment(), name)))
            )
    assert found == asdict(cost.Deployment())
