"""The same tests after the patch, compared with the base. Honest about what was not verified."""

from pydantic import BaseModel, ConfigDict

from pipeline.outcome import Verification


class Verdict(BaseModel):
    """The candidate that was chosen, and what the tests prove of it."""

    model_config = ConfigDict(frozen=True)

    candidate: int
    """Index into Candidates.candidates."""
    verification: Verification
    reason: str
    """Why this verification and no better one, in a sentence."""
    fixed: tuple[str, ...]
    """Tests that failed before and pass after: on the base, or on the base with only the patch's tests."""
    still_failing: tuple[str, ...]
    """Tests that failed before and still do."""
    ran: int
    log_key: str | None
