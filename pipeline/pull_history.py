"""What the runs of one pull request have done: what they pushed, spent and stored."""

from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.artifacts import Artifacts
from pipeline.job import ADDRESS_REVIEW, FIX_ISSUE, PullRef, Subject
from pipeline.leased_run import read_result
from pipeline.money import to_usd
from pipeline.outcome import Outcome
from pipeline.pushes import pushed_commits
from pipeline.run_key import RunKey
from pipeline.store.contract import RunRow
from pipeline.store.reader import StoreReader

ResultT = TypeVar("ResultT", bound=BaseModel)

#: Outcomes of runs that made the files that the pull request has.
_PUSHED = (Outcome.PR_OPENED, Outcome.PR_UPDATED)


@dataclass(frozen=True)
class PullRuns:
    """The runs of a pull request, oldest first: those that opened it, and those of its reviews."""

    rows: tuple[RunRow, ...]
    commits: frozenset[str]
    """SHAs of the commits that they pushed, or were about to push."""

    @property
    def newest(self) -> RunKey | None:
        """The newest run that ended with the files of the pull request; None if none is known."""
        for row in reversed(self.rows):
            is_answer = row.outcome == Outcome.NO_CHANGE_NEEDED and _asked_model(row)
            if row.outcome in _PUSHED or is_answer:
                return row.key
        return None

    @property
    def issue(self) -> Subject | None:
        """The issue that the pull request is for; None if no run that opened it is known."""
        for row in self.rows:
            if row.job_type == FIX_ISSUE:
                return row.subject
        return None

    def reviews_before(self, key: RunKey) -> list[RunRow]:
        """Return the other runs that asked a model about a review."""
        return [
            row
            for row in self.rows
            if row.job_type == ADDRESS_REVIEW and _asked_model(row) and row.key != key
        ]

    def review_usd_before(self, key: RunKey) -> float:
        """Return what these runs have spent, in US dollars."""
        return to_usd(sum(row.micro_usd for row in self.reviews_before(key)))


class PullHistory:
    """Reads the runs of pull requests. Its methods block."""

    def __init__(self, store: StoreReader, artifacts: Artifacts):
        self._store = store
        self._artifacts = artifacts

    def runs(self, pull: PullRef) -> PullRuns:
        """Return the runs of this deployment that opened the pull request or answered its reviews.

        A run that opened it belongs to them once it has ended.
        """
        rows = [
            row
            for row in self._store.all_runs_numbered(pull.number, pull.repository)
            if row.subject.host == pull.host
        ]
        commits: set[str] = set()
        for job_id in {row.job_id for row in rows}:
            commits |= pushed_commits(self._store.effects(job_id))
        return PullRuns(tuple(rows), frozenset(commits))

    def read(self, key: RunKey, stage: str, kind: type[ResultT]) -> ResultT | None:
        """Return the newest result of a run's stage; None if it is not stored any more."""
        for checkpoint in reversed(self._store.checkpoints(key)):
            if checkpoint.stage == stage:
                try:
                    return read_result(self._artifacts, checkpoint, kind)
                except (FileNotFoundError, ValidationError):
                    return None
        return None


def _asked_model(row: RunRow) -> bool:
    """Return whether a model was asked, perhaps one that costs nothing."""
    return row.model is not None or row.micro_usd > 0
