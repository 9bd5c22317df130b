"""What the runs of the throughput benchmark are told, and what they report."""

from pathlib import Path

from pydantic import BaseModel

#: Seconds; nothing here takes long enough to need a heartbeat.
VISIBILITY = 120
POLL = 2


class Setting(BaseModel):
    environment: dict[str, str]
    queue_url: str
    topic_arn: str
    folder: Path
    concurrency: int


class Used(BaseModel):
    """The resources that a run used."""

    cpu: float
    """Seconds of CPU time."""
