"""What a task on Fargate costs."""

from tools.deployment import Deployment
from tools.prices import PriceList

#: Storage that each task has at no extra charge, GiB.
FREE_STORAGE_GIB = 20


def fargate_prices(deployment: Deployment) -> tuple[str, str]:
    """Return the names of the prices of a vCPU and of a GB of memory."""
    processor = "arm" if deployment.architecture == "ARM64" else "x86"
    return f"fargate_{processor}_vcpu", f"fargate_{processor}_memory"


def paid_storage_gib(deployment: Deployment) -> float:
    return max(deployment.storage_gib - FREE_STORAGE_GIB, 0)


def task_hour(deployment: Deployment, prices: PriceList, *, on_spot: bool = False) -> float:
    """Return the price of one task for an hour, in US dollars."""
    vcpu, memory = fargate_prices(deployment)
    vcpus = deployment.cpu / 1024
    memory_gb = deployment.memory / 1024
    computing = vcpus * prices.usd(vcpu) + memory_gb * prices.usd(memory)
    if on_spot:
        computing *= prices.assume("spot_share")
    return computing + paid_storage_gib(deployment) * prices.usd("fargate_storage")
