"""A run as one line of a list."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from console.runs.short_names import shorten_ids
from pipeline.money import to_usd
from pipeline.store.contract import RunRow


@dataclass(frozen=True)
class RunLine:
    """What a list shows of a run. Names of local repositories are untrusted text."""

    run: RunRow
    short_name: str
    """A short id, with ``/GENERATION`` if the id alone would name another run of the list."""
    issue: str
    """``OWNER/REPO#NUMBER``"""
    status: str
    """The outcome; of a run that has none, its state."""
    verification: str
    """What the tests prove, in the words of the pull request; empty if no change was judged."""
    pull_request_number: int | None
    pull_request_url: str | None

    @property
    def name(self) -> str:
        """``JOB_ID/GENERATION``"""
        return self.run.key.prefix

    @property
    def cost_usd(self) -> float:
        return to_usd(self.run.micro_usd)


def read_lines(runs: Sequence[RunRow]) -> list[RunLine]:
    """Return the lines of a list. Nothing else is read from the store."""
    short_ids = shorten_ids([run.job_id for run in runs])
    runs_of_job = Counter(run.job_id for run in runs)
    lines = []
    for run in runs:
        short_name = short_ids[run.job_id]
        if run.generation > 0 or runs_of_job[run.job_id] > 1:
            short_name += f"/{run.generation}"
        lines.append(_read_line(run, short_name))
    return lines


def _read_line(run: RunRow, short_name: str) -> RunLine:
    # Not as a RunResult: a run of another version must not break the list.
    result: dict[str, Any] = json.loads(run.result) if run.result is not None else {}
    return RunLine(
        run=run,
        short_name=short_name,
        issue=f"{run.repository}#{run.subject.number}",
        status=run.outcome or run.state,
        verification=result.get("verification") or "",
        pull_request_number=result.get("pull_request_number"),
        pull_request_url=result.get("pull_request_url"),
    )
