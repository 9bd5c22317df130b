"""The bill knows every resource of Terraform, and counts what is in its files."""

from pathlib import Path

import pytest

from tests.terraform.hcl import read
from tools import bill
from tools.deployment import FIRST_DESIGN, Deployment
from tools.inventory import UnknownResources, check_resources, read_inventory
from tools.prices import FREE, read_prices


def test_every_resource_of_terraform_has_its_part_of_the_bill() -> None:
    check_resources(read_prices())


def test_a_resource_that_nobody_priced_is_refused_with_its_file(tmp_path: Path) -> None:
    module = tmp_path / "modules/search"
    module.mkdir(parents=True)
    (module / "main.tf").write_text('resource "aws_opensearch_domain" "this" {\n}\n')
    with pytest.raises(UnknownResources, match=r"aws_opensearch_domain \(modules/search/main.tf\)"):
        check_resources(read_prices(), tmp_path)


def test_each_part_with_a_resource_is_a_part_of_a_bill() -> None:
    prices = read_prices()
    everything = Deployment(
        interface_endpoints=True, waf_requests_per_5_minutes=100, dns_firewall="block"
    )
    parts: set[str] = set()
    for deployment in (everything, FIRST_DESIGN):
        parts |= set(bill.monthly_bill(deployment, 2, 100, prices, read_inventory()).parts)
    assert set(prices.resources.values()) - {FREE} <= parts


def test_every_price_and_assumption_is_used() -> None:
    source = "".join(path.read_text() for path in Path(bill.__file__).parent.glob("*.py"))
    prices = read_prices()
    for name in (*prices.prices, *prices.assumed):
        of_a_processor = name.startswith(("fargate_arm", "fargate_x86"))
        assert of_a_processor or f'"{name}"' in source, name


def test_alarms_are_counted_by_their_metrics() -> None:
    inventory = read_inventory()
    alarms = read("modules/observability/alarms.tf")["locals"][0]["alarms"]
    own = sum(len(alarm["metrics"]) for alarm in alarms.values())
    awake = inventory.alarm_metrics(may_sleep=False)
    asleep = inventory.alarm_metrics(may_sleep=True)
    # The alarm that the service has not, and those that scale it: the tracking's and a step's.
    assert awake == own - len(alarms["not-woken"]["metrics"]) + 2 * 3
    # Another alarm in the place of no-heartbeat, and the one that starts the first task.
    assert asleep == own - len(alarms["no-heartbeat"]["metrics"]) + 3 * 3


def test_endpoints_are_those_of_the_network_module() -> None:
    assert read_inventory().endpoint_services == 6
