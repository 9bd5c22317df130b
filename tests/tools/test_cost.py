"""``python -m tools.cost``: the bill adds up, follows the variables, and has Terraform's
defaults.
"""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tools.cost import main
from tools.deployment import Deployment
from tools.tfvars import TYPES, parse_value

VARIABLES = Path(__file__).parents[2] / "terraform/variables.tf"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def cost(*arguments: str | Path) -> Any:
    result = run("--json", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refusal(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    return result.stderr


def tfvars(folder: Path, text: str) -> Path:
    path = folder / "terraform.tfvars"
    path.write_text(text)
    return path


def test_the_total_is_the_sum_of_the_lines_and_the_prices_have_a_date() -> None:
    bill = cost()
    assert bill["total_usd"] == pytest.approx(sum(line["usd"] for line in bill["lines"]), abs=0.1)
    assert bill["total_usd"] == pytest.approx(sum(bill["parts"].values()), abs=0.1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", bill["prices_of"])
    assert bill["first_design"]["estimated_usd"] == [200, 300]


def test_each_line_is_a_quantity_at_a_price_of_a_page() -> None:
    bill = cost()
    for line in bill["lines"]:
        assert line["usd"] == pytest.approx(line["quantity"] * line["usd_each"], abs=0.001)
        assert bill["pages"][line["page"]].startswith("https://aws.amazon.com/")
        assert line["unit"] and line["what"]


def test_the_first_design_costs_as_much_as_was_estimated() -> None:
    assert 200 <= cost()["first_design"]["total_usd"] <= 300


def test_two_tasks_cost_at_most_110_dollars_a_month() -> None:
    bill = cost()
    assert bill["average_tasks"] == 2
    assert bill["total_usd"] <= 110
    assert {"data transfer", "dashboard"} <= set(bill["parts"])


def test_a_task_that_is_never_on_spot_and_a_gateway_cost_more(tmp_path: Path) -> None:
    path = tfvars(tmp_path, 'on_demand_tasks = 1\nnat = "gateway"\n')
    parts = cost("--tfvars", path)["parts"]
    default = cost()["parts"]
    assert parts["tasks"] > default["tasks"] + 30
    assert parts["NAT"] > default["NAT"] + 25
    assert parts["public addresses"] < default["public addresses"]


def test_without_nat_endpoints_are_paid_for(tmp_path: Path) -> None:
    parts = cost("--tfvars", tfvars(tmp_path, 'nat = "none"\n'))["parts"]
    assert "NAT" not in parts
    assert parts["interface endpoints"] == pytest.approx(6 * 2 * 730 * 0.01)


def test_a_dns_firewall_is_paid_for_with_its_log(tmp_path: Path) -> None:
    path = tfvars(tmp_path, 'dns_firewall = "alert"\n')
    lines = {(line["part"], line["what"]): line for line in cost("--tfvars", path)["lines"]}
    lookups = lines["DNS firewall", "lookups"]["quantity"]
    assert lookups == pytest.approx(100 * 30.4 * 500)
    assert lines["logs", "DNS queries"]["quantity"] == pytest.approx(lookups * 0.5 / 1e6)


def test_at_night_no_task_is_paid_for(tmp_path: Path) -> None:
    night = cost("--tfvars", tfvars(tmp_path, 'night = "20:00-08:00"\n'))
    assert night["average_tasks"] == 1
    path = tfvars(tmp_path, 'night = "20:00-08:00"\nnight_weekends = true\n')
    weekends = cost("--tfvars", path)
    assert weekends["average_tasks"] == pytest.approx(5 / 7, abs=0.01)
    idle = cost("--tfvars", path, "--jobs-per-day", "0")
    assert idle["average_tasks"] == pytest.approx(5 / 14, abs=0.01)


def test_the_price_of_fargate_is_hours_times_size(tmp_path: Path) -> None:
    lines = [
        'architecture = "X86_64"',
        "cpu = 1024",
        "memory = 2048",
        "storage_gib = 20",
        "on_demand_tasks = 2",
    ]
    path = tfvars(tmp_path, "\n".join(lines))
    parts = cost("--tfvars", path)["parts"]
    assert parts["tasks"] == pytest.approx(2 * 730 * (0.04048 + 2 * 0.004445), abs=0.01)


def test_more_jobs_cost_more_and_each_costs_less(tmp_path: Path) -> None:
    path = tfvars(tmp_path, "max_tasks = 600")
    loads = ("100", "1000", "10000", "100000")
    bills = [cost("--tfvars", path, "--jobs-per-day", load) for load in loads]
    totals = [bill["total_usd"] for bill in bills]
    tasks = [bill["average_tasks"] for bill in bills]
    per_job = [bill["usd_per_job"] for bill in bills]
    assert totals == sorted(totals)
    assert tasks == sorted(tasks)
    assert per_job == sorted(per_job, reverse=True)


def test_the_first_design_has_enough_tasks_for_the_same_jobs() -> None:
    assert cost("--jobs-per-day", "100")["first_design"]["tasks"] == 2
    bill = cost("--jobs-per-day", "2000")
    assert bill["first_design"]["tasks"] > bill["average_tasks"] > 2
    assert bill["share"] < 0.6


def test_without_jobs_min_tasks_run() -> None:
    assert cost("--jobs-per-day", "0")["average_tasks"] == 1


def test_more_jobs_than_max_tasks_can_run_are_refused() -> None:
    assert "max_tasks is 10: raise max_tasks" in refusal("--jobs-per-day", "100000")


def test_a_real_tfvars_file_is_read(tmp_path: Path) -> None:
    path = tfvars(
        tmp_path,
        """
        # our deployment
        architecture         = var.architecture
        image                = "1.dkr.ecr.us-east-1.amazonaws.com/coding-agent:1.0.0"
        allowed_repositories = [
          "octo/*",   # cpu = 16384
        ]
        nat                  = "gateway_per_zone" # one each
        night                = null
        zones                = 3
        interface_endpoints  = true
        certificate_arn      = null
        waf_requests_per_5_minutes = 500
        """,
    )
    bill = cost("--tfvars", path)
    parts = bill["parts"]
    default = cost()["parts"]
    hours = [line["quantity"] for line in bill["lines"] if line["what"] == "gateways"]
    assert hours == [3 * 730]
    assert parts["interface endpoints"] > 100
    assert parts["WAF"] > 0
    assert "WAF" not in default
    assert parts["tasks"] == default["tasks"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cpu = lots", "line 1: cpu is lots, which is not a number"),
        ("\nzones = -1", "line 2: zones is -1; it must be 0 or more"),
        ("flow_logs = 1", "line 1: flow_logs is 1; it may be true or false"),
        ('architecture = "arm"', "architecture is 'arm'; it may be ARM64 or X86_64"),
        ("concurrency = 0", "concurrency is 0; it must be more than 0"),
        ("spot_percent = 150", "spot_percent is 150; it must be from 0 to 100"),
        ('nat = "single"', "nat is 'single'; it may be instance or gateway or"),
        ('night = "evening"', "night is 'evening'; it must be HH:MM-HH:MM"),
        ("# A readme\n\nNot a variable.", "sets no variable: give a .tfvars file"),
    ],
)
def test_a_wrong_value_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    assert message in refusal("--tfvars", tfvars(tmp_path, text))


def test_the_table_shows_both_bills_side_by_side() -> None:
    output = run("--jobs-per-day", "300").stdout
    total = r"^total +[\d.]+ +[\d.]+   \(estimated for 2 tasks: 200 to 300\)$"
    assert re.search(total, output, re.M)
    assert "300 jobs a day:" in output
    assert "models' prices are not included" in output


def test_the_table_has_a_line_with_its_source_for_each_amount() -> None:
    output = run().stdout
    assert re.search(r"NAT, instance: 730 hour of t4g.micro x 0.0084 \[ec2\]", output)
    assert "[ec2] https://aws.amazon.com/ec2/pricing/on-demand/" in output
    assert "spot_share 0.4: Spot has no list price" in output


def test_the_defaults_are_those_of_terraform() -> None:
    deployment = asdict(Deployment())
    defaults: dict[str, Any] = {}
    blocks = re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', VARIABLES.read_text(), re.M | re.S)
    for name, body in blocks:
        default = re.search(r"^  default +=\s*(.+)$", body, re.M)
        if default is None or name not in deployment:
            continue
        text = default[1].strip()
        defaults[name] = None if text == "null" else parse_value(text, TYPES[name])
    assert defaults == deployment
