"""How AWS clients are opened: by boto3's own variables, with time-outs that a stopping worker can
wait for.
"""

import os
from typing import Any


def region() -> str | None:
    """ECS and people set ``AWS_REGION``, boto3 reads only ``AWS_DEFAULT_REGION``. None: boto3's own
    search.
    """
    return os.environ.get("AWS_REGION") or None


def limits(*, read_seconds: float = 30.0, attempts: int = 3) -> dict[str, Any]:
    """Options of botocore's Config. The reading time must exceed a long poll's 20 s."""
    return {
        "connect_timeout": 5,
        "read_timeout": read_seconds,
        "retries": {"mode": "standard", "total_max_attempts": attempts},
    }
