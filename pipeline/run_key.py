"""The identity of a run."""

import functools
import uuid
from dataclasses import dataclass


@dataclass(frozen=True)
class RunKey:
    """One generation of a job."""

    job_id: str
    generation: int

    @property
    def prefix(self) -> str:
        """``JOB_ID/GENERATION``: the prefix of the run's artifact keys."""
        return f"{self.job_id}/{self.generation}"

    @property
    def trace(self) -> str:
        """The W3C trace id of everything that happens in the run: 32 hexadecimal digits."""
        return _trace_of(self.prefix)

    def __str__(self) -> str:
        return self.prefix


@functools.lru_cache(maxsize=1024)
def _trace_of(prefix: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"coding-agent:{prefix}").hex


def redrive_replay_id(generation: int) -> str:
    """Return the replay id under which a redrive of a failed generation starts the next one.

    Each replay id starts one generation, no matter how often or how the failed message is resent.
    """
    return f"redrive:{generation}"
