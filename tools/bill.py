"""A deployment's AWS bill for a month, line by line."""

from dataclasses import dataclass

from tools.deployment import Deployment
from tools.inventory import OWN_METRICS, Inventory
from tools.prices import PriceList
from tools.task_price import fargate_prices, paid_storage_gib

#: Disk of the NAT instance, GB (terraform/modules/network/nat_instance.tf).
NAT_DISK_GB = 8
#: Addresses of the NAT instance: one that stays, and one with which it asks for that.
NAT_INSTANCE_ADDRESSES = 2
DAYS_PER_MONTH = 30.4


@dataclass(frozen=True)
class Line:
    """One line of a bill."""

    part: str
    what: str
    quantity: float
    unit: str
    usd_each: float
    page: str
    """The key of AWS's page with the price (``PriceList.pages``)."""
    assumed: str = ""
    """What was assumed of the quantity or the price, and why."""

    @property
    def usd(self) -> float:
        return self.quantity * self.usd_each


@dataclass(frozen=True)
class Bill:
    """The lines of a month in which ``tasks`` ran on average."""

    tasks: float
    lines: tuple[Line, ...]

    @property
    def parts(self) -> dict[str, float]:
        """US dollars by part."""
        parts: dict[str, float] = {}
        for line in self.lines:
            parts[line.part] = parts.get(line.part, 0.0) + line.usd
        return parts

    @property
    def total(self) -> float:
        return sum(line.usd for line in self.lines)


@dataclass(frozen=True)
class Month:
    """What a bill is calculated from."""

    deployment: Deployment
    tasks: float
    jobs: float
    prices: PriceList
    inventory: Inventory

    @property
    def hours(self) -> float:
        return self.prices.hours_per_month

    def line(
        self,
        part: str,
        what: str,
        quantity: float,
        price: str,
        *assumptions: str,
        share: float = 1.0,
    ) -> Line:
        """Return a line. ``share`` is the part of the list price that is paid."""
        entry = self.prices.prices[price]
        reasons = []
        for name in assumptions:
            assumption = self.prices.assumed[name]
            reasons.append(f"{name} {assumption.value:g}: {assumption.why}")
        return Line(
            part=part,
            what=what,
            quantity=quantity,
            unit=entry.unit,
            usd_each=entry.usd * share,
            page=entry.page,
            assumed="; ".join(reasons),
        )

    def per_job(self, usage: str) -> float:
        """Return the month's usage of all jobs."""
        return self.jobs * self.prices.assume(usage)

    @property
    def dns_lookups(self) -> float:
        """Those that pass a DNS firewall, and are logged."""
        if self.deployment.dns_firewall == "off":
            return 0.0
        return self.per_job("dns_lookups")


def monthly_bill(
    deployment: Deployment,
    tasks: float,
    jobs_per_day: float,
    prices: PriceList,
    inventory: Inventory,
) -> Bill:
    """Return the bill for a month in which ``tasks`` run on average. Lines that cost nothing are
    left out.
    """
    month = Month(deployment, tasks, jobs_per_day * DAYS_PER_MONTH, prices, inventory)
    lines = [
        *_tasks(month),
        *_nat(month),
        *_addresses(month),
        *_traffic(month),
        *_intake(month),
        *_queue_and_store(month),
        *_logs(month),
        *_watching(month),
        *_kept(month),
    ]
    return Bill(tasks, tuple(line for line in lines if line.usd))


def _tasks(month: Month) -> list[Line]:
    deployment = month.deployment
    vcpu, memory = fargate_prices(deployment)
    beyond = max(month.tasks - deployment.on_demand_tasks, 0)
    spot_hours = beyond * deployment.spot_percent / 100 * month.hours
    hours = month.tasks * month.hours
    demand_hours = hours - spot_hours
    vcpus = deployment.cpu / 1024
    gb = deployment.memory / 1024
    share = month.prices.assume("spot_share")
    return [
        month.line("tasks", "vCPU, on demand", demand_hours * vcpus, vcpu),
        month.line("tasks", "memory, on demand", demand_hours * gb, memory),
        month.line("tasks", "vCPU, Spot", spot_hours * vcpus, vcpu, "spot_share", share=share),
        month.line("tasks", "memory, Spot", spot_hours * gb, memory, "spot_share", share=share),
        month.line("tasks", "disk", hours * paid_storage_gib(deployment), "fargate_storage"),
    ]


def _gateways(deployment: Deployment) -> float:
    if deployment.nat == "gateway_per_zone":
        return deployment.zones
    return 1 if deployment.nat == "gateway" else 0


def _nat(month: Month) -> list[Line]:
    if month.deployment.nat == "none":
        return []
    if month.deployment.nat == "instance":
        return [
            month.line("NAT", "instance", month.hours, "nat_instance_hour"),
            month.line("NAT", "its disk", NAT_DISK_GB, "nat_instance_disk"),
        ]
    gateways = _gateways(month.deployment)
    passed_gb = month.per_job("received_gb") + month.per_job("sent_gb")
    return [
        month.line("NAT", "gateways", gateways * month.hours, "nat_gateway_hour"),
        month.line("NAT", "traffic", passed_gb, "nat_gateway_gb", "received_gb", "sent_gb"),
    ]


def _addresses(month: Month) -> list[Line]:
    deployment = month.deployment
    of_nat = NAT_INSTANCE_ADDRESSES if deployment.nat == "instance" else _gateways(deployment)
    part = "public addresses"
    return [
        month.line(
            part, "load balancer's, one a zone", deployment.zones * month.hours, "public_ipv4_hour"
        ),
        month.line(part, "NAT's", of_nat * month.hours, "public_ipv4_hour"),
    ]


def _traffic(month: Month) -> list[Line]:
    deployment = month.deployment
    services = 0
    if deployment.interface_endpoints or deployment.nat == "none":
        services = month.inventory.endpoint_services
    endpoint_hours = services * deployment.zones * month.hours
    # Tasks in other zones than the only way out.
    other_zones = 0.0
    if deployment.nat in ("instance", "gateway"):
        other_zones = (deployment.zones - 1) / deployment.zones
    between_zones = month.per_job("received_gb") * other_zones
    part = "data transfer"
    return [
        month.line("DNS firewall", "lookups", month.dns_lookups, "dns_lookup", "dns_lookups"),
        month.line("interface endpoints", "endpoints", endpoint_hours, "interface_endpoint_hour"),
        month.line(part, "out", month.per_job("sent_gb"), "data_out_gb", "sent_gb"),
        month.line(part, "between zones", between_zones, "data_between_zones_gb", "received_gb"),
    ]


def _intake(month: Month) -> list[Line]:
    units = month.prices.assume("capacity_units") * month.hours
    lines = [
        month.line("load balancer", "load balancer", month.hours, "alb_hour"),
        month.line("load balancer", "capacity", units, "alb_capacity_hour", "capacity_units"),
    ]
    rules = 1 if month.deployment.waf_requests_per_5_minutes else 0
    if month.deployment.waf_managed_rules != "off":
        rules += month.inventory.waf_managed_groups
    if rules:
        lines.append(month.line("WAF", "list", 1, "waf_acl_month"))
        lines.append(month.line("WAF", "rules", rules, "waf_rule_month"))
    return lines


def _queue_and_store(month: Month) -> list[Line]:
    prices = month.prices
    polls = month.tasks * month.hours * prices.assume("idle_polls_hour")
    months_kept = prices.assume("retention_days") / DAYS_PER_MONTH
    stored_gb = month.per_job("s3_mb") / 1000 * months_kept
    table_gb = month.per_job("table_mb") / 1000 * months_kept
    events = "queue and events"
    return [
        month.line(events, "polls", polls, "sqs_call", "idle_polls_hour"),
        month.line(events, "jobs", month.per_job("sqs_calls"), "sqs_call", "sqs_calls"),
        month.line(events, "events", month.per_job("sns_calls"), "sns_call", "sns_calls"),
        month.line(
            "store",
            "writes",
            month.per_job("dynamodb_writes"),
            "dynamodb_write",
            "dynamodb_writes",
        ),
        month.line(
            "store", "reads", month.per_job("dynamodb_reads"), "dynamodb_read", "dynamodb_reads"
        ),
        month.line("store", "size", table_gb, "dynamodb_gb_month", "table_mb", "retention_days"),
        month.line("artifacts", "writes", month.per_job("s3_puts"), "s3_put", "s3_puts"),
        month.line("artifacts", "reads", month.per_job("s3_gets"), "s3_get", "s3_gets"),
        month.line("artifacts", "size", stored_gb, "s3_gb_month", "s3_mb", "retention_days"),
    ]


def _logs(month: Month) -> list[Line]:
    prices = month.prices
    task_mb = month.tasks * month.hours * prices.assume("log_mb_task_hour")
    gb = (month.per_job("log_mb") + task_mb) / 1000
    flow_gb = 0.0
    if month.deployment.flow_logs:
        flow_gb = month.per_job("received_gb") * prices.assume("flow_log_share")
    query_gb = month.dns_lookups * prices.assume("query_log_kb") / 1_000_000
    return [
        month.line("logs", "written", gb, "log_gb", "log_mb", "log_mb_task_hour"),
        month.line("logs", "kept", gb, "log_gb_month"),
        month.line("logs", "flow logs", flow_gb, "flow_log_gb", "flow_log_share"),
        month.line("logs", "DNS queries", query_gb, "log_gb", "dns_lookups", "query_log_kb"),
    ]


def _watching(month: Month) -> list[Line]:
    of_alarms = month.inventory.alarm_metrics(may_sleep=month.deployment.may_sleep)
    part = "metrics and alarms"
    return [
        month.line(part, "own metrics", OWN_METRICS, "metric_month"),
        month.line(part, "alarms", of_alarms, "alarm_metric_month"),
        month.line("dashboard", "dashboard", 1, "dashboard_month"),
    ]


def _kept(month: Month) -> list[Line]:
    prices = month.prices
    secrets = 2 + prices.assume("model_secrets")
    image_gb = prices.assume("images") * prices.assume("image_gb")
    return [
        month.line("secrets", "secrets", secrets, "secret_month", "model_secrets"),
        month.line("images", "size", image_gb, "ecr_gb_month", "images", "image_gb"),
    ]
