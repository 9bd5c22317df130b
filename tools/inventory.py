"""What the Terraform files contain that the bill counts."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2
from hcl2.utils import SerializationOptions

from pipeline.metrics import CLOUDWATCH
from tools.prices import PriceList

TERRAFORM = Path(__file__).parents[1] / "terraform"
#: CloudWatch counts runs twice: all of them, and those of one outcome (pipeline.metrics).
OWN_METRICS = len(CLOUDWATCH) + 1
_OPTIONS = SerializationOptions(
    with_comments=False, explicit_blocks=False, strip_string_quotes=True
)
_RESOURCE = re.compile(r'^resource "(\w+)"', re.MULTILINE)
#: The alarm that a service has which may sleep, and the one that it has not.
ASLEEP_ALARM, AWAKE_ALARM = "not-woken", "no-heartbeat"


class UnknownResources(ValueError):
    """Terraform has resources whose price nobody has looked up."""


@dataclass(frozen=True)
class Inventory:
    """Numbers of things that have a price."""

    metrics_of_alarms: dict[str, int]
    """The alarms of the module observability."""
    metrics_of_scaling: int
    """Of each alarm that scales the service: the one of target tracking, and one for each step."""
    endpoint_services: int
    waf_managed_groups: int

    def alarm_metrics(self, *, may_sleep: bool) -> int:
        """Return the number of metrics of all alarms. Each is paid for."""
        left_out = AWAKE_ALARM if may_sleep else ASLEEP_ALARM
        total = 0
        for name, metrics in self.metrics_of_alarms.items():
            if name != left_out:
                total += metrics
        scaling_alarms = 3 if may_sleep else 2
        return total + scaling_alarms * self.metrics_of_scaling


def read_inventory(folder: Path = TERRAFORM) -> Inventory:
    alarms = _locals(folder / "modules/observability/alarms.tf")["alarms"]
    scaling = _locals(folder / "modules/service/scaling.tf")
    endpoints = _locals(folder / "modules/network/endpoints.tf")["endpoint_services"]
    # concat([...], ...): what follows the first list is there with some options only.
    always, _, _ = endpoints.partition("]")
    return Inventory(
        metrics_of_alarms={name: len(alarm["metrics"]) for name, alarm in alarms.items()},
        metrics_of_scaling=len(scaling["load"]),
        endpoint_services=len(re.findall(r'"[\w.-]+"', always)),
        waf_managed_groups=len(_locals(folder / "modules/intake/waf.tf")["managed_groups"]),
    )


def check_resources(prices: PriceList, folder: Path = TERRAFORM) -> None:
    """Check that each type of resource has its part of the bill.

    Raises:
        UnknownResources: some have none; the text names each with its file.
    """
    unknown = []
    for path in sorted(folder.rglob("*.tf")):
        for kind in _RESOURCE.findall(path.read_text(encoding="utf-8")):
            if kind not in prices.resources:
                unknown.append(f"{kind} ({path.relative_to(folder)})")
    if unknown:
        raise UnknownResources(
            f'the bill leaves out {", ".join(unknown)}: name its part of the bill, or "free",'
            " under [resources] in tools/prices.toml, and add its price to tools/bill.py"
        )


def _locals(path: Path) -> dict[str, Any]:
    blocks = hcl2.loads(path.read_text(encoding="utf-8"), serialization_options=_OPTIONS)
    values: dict[str, Any] = blocks["locals"][0]
    return values
