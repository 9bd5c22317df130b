"""What an operator decides about pull requests."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from pipeline.outcome import Verification

#: The least that the tests must prove for a pull request that is not a draft.
ReadyIf = Literal["red to green", "suite passes"]


@dataclass(frozen=True)
class PullSettings:
    ready_if: ReadyIf = "red to green"
    page_url: str | None = None
    """Where the pages of runs are, each at ``/JOB/GENERATION`` below it; None for no links."""
    sign_off: bool = False
    """Whether commits have the author's ``Signed-off-by`` (https://developercertificate.org/)."""
    answers_comments: bool = False
    """Whether review comments reach this service."""

    def page_of(self, job_id: str, generation: int) -> str | None:
        """Return the address of a run's page; None if the pages have none."""
        if self.page_url is None:
            return None
        return f"{self.page_url}/{quote(job_id, safe='')}/{generation}"

    def is_ready(self, verification: Verification) -> bool:
        """Return whether a change of which the tests prove this is more than a draft."""
        if verification is Verification.SUITE_PASSES:
            return self.ready_if == "suite passes"
        return verification is Verification.RED_TO_GREEN
