"""The result of one check of ``coding-agent doctor``."""

from dataclasses import dataclass
from typing import Any

#: What most checks are needed for.
FIX_AND_WORKER = "fix and worker"
WORKER = "worker"
#: What the checks of --aws are needed for.
DEPLOYMENT = "the deployment"


@dataclass(frozen=True)
class Check:
    name: str
    ok: bool
    detail: str = ""
    """The path, version or value that is in use."""
    hint: str = ""
    """What is wrong, and how to fix it."""
    needed_for: str = FIX_AND_WORKER
    is_outage: bool = False
    """Whether it failed for a reason that may pass by itself: a service is down, a disk is full."""

    @property
    def is_needed_for_fix(self) -> bool:
        return self.needed_for == FIX_AND_WORKER

    def to_json(self) -> dict[str, Any]:
        """Return the check for JSON output, whose field names date from the first version."""
        return {
            "name": self.name,
            "ok": self.ok,
            "found": self.detail,
            "mend": self.hint,
            "needed_for": self.needed_for,
        }
