"""A run in one line, as lists show it."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from pydantic import ValidationError

from console.history.runs import stored_result
from pipeline.money import to_usd
from pipeline.outcome import Outcome, RunResult
from pipeline.store.contract import RunRow

#: Characters of a job's id that lists show.
SHORT_ID = 8
_GOOD = (Outcome.PR_OPENED, Outcome.PROPOSED, Outcome.NO_CHANGE_NEEDED)
_BAD = (Outcome.FAILED, Outcome.BUDGET_EXHAUSTED)


@dataclass(frozen=True)
class RunLine:
    """Its texts may come from strangers."""

    row: RunRow
    address: str
    """Of the run's page."""
    issue: str
    """``owner/name#number``"""
    status: str
    """The outcome, or the state of a run that has none, in words."""
    tone: str
    """good, bad, warn or busy: how the status is coloured."""
    proof: str
    """What the tests proved; empty if no change was judged."""
    pull_request_url: str | None
    pull_request_number: int | None

    @property
    def cost_usd(self) -> float:
        return to_usd(self.row.micro_usd)

    @property
    def short_id(self) -> str:
        return self.row.job_id[:SHORT_ID]


def run_address(row: RunRow) -> str:
    """Return the path of a run's page."""
    return f"/runs/{quote(row.job_id, safe='')}/{row.generation}"


def issue_name(row: RunRow) -> str:
    """Return a run's issue as ``owner/name#number``."""
    return f"{row.repository}#{row.issue_url.rstrip('/').rpartition('/')[2]}"


def run_line(row: RunRow) -> RunLine:
    result = _read_result(row)
    verification = result.verification if result is not None else None
    return RunLine(
        row=row,
        address=run_address(row),
        issue=issue_name(row),
        status=(row.outcome or row.state).replace("_", " "),
        tone=_tone(row),
        proof=verification.value if verification is not None else "",
        pull_request_url=_web_address(result.pull_request_url if result is not None else None),
        pull_request_number=result.pull_request_number if result is not None else None,
    )


def _web_address(address: str | None) -> str | None:
    """Return an address that is safe in a link; None for any other."""
    is_safe = address is not None and urlsplit(address).scheme in ("http", "https")
    return address if is_safe else None


def _tone(row: RunRow) -> str:
    if row.outcome is None:
        return "busy"
    if row.outcome in _GOOD:
        return "good"
    return "bad" if row.outcome in _BAD else "warn"


def _read_result(row: RunRow) -> RunResult | None:
    """Return a run's result; None if it has not ended, or another version wrote it."""
    try:
        return stored_result(row)
    except ValidationError:
        return None
