"""Options of AWS clients, with time-outs that a stopping worker can wait for."""

import os
from typing import Any


def region() -> str | None:
    """Return the region from ``AWS_REGION``, which ECS and people set but boto3 does not read.

    None: boto3 looks for it itself.
    """
    return os.environ.get("AWS_REGION") or None


def limits(*, read_seconds: float = 30.0, attempts: int = 3) -> dict[str, Any]:
    """Return options of botocore's Config. The reading time must exceed a long poll's 20 s."""
    return {
        "connect_timeout": 5,
        "read_timeout": read_seconds,
        "retries": {"mode": "standard", "total_max_attempts": attempts},
    }
