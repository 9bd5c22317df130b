"""A run in one line with its links, as the console's lists show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

from console.runs.lines import RunLine, read_lines
from pipeline.outcome import Outcome
from pipeline.store.contract import RunRow

_BAD = (Outcome.FAILED, Outcome.BUDGET_EXHAUSTED)


@dataclass(frozen=True)
class LinkedLine:
    """Its texts may come from strangers."""

    line: RunLine
    address: str
    """Of the run's page."""
    tone: Literal["good", "bad", "warn", "busy"]
    """How the status is coloured."""
    pull_request_url: str | None

    @property
    def run(self) -> RunRow:
        return self.line.run


def linked_lines(runs: Sequence[RunRow]) -> list[LinkedLine]:
    """Return the lines of a list."""
    return [
        LinkedLine(
            line,
            address=run_address(line.run),
            tone=_tone(line.run),
            pull_request_url=_web_address(line.pull_request_url),
        )
        for line in read_lines(runs)
    ]


def run_address(run: RunRow) -> str:
    """Return the path of a run's page."""
    return f"/runs/{quote(run.job_id, safe='')}/{run.generation}"


def _tone(run: RunRow) -> Literal["good", "bad", "warn", "busy"]:
    if run.outcome is None:
        return "busy"
    if Outcome(run.outcome).is_success:
        return "good"
    return "bad" if run.outcome in _BAD else "warn"


def _web_address(address: str | None) -> str | None:
    """Return an address that is safe in a link; None for any other."""
    is_safe = address is not None and urlsplit(address).scheme in ("http", "https")
    return address if is_safe else None
