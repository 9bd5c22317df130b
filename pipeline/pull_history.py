"""What the runs of one pull request have done: what they pushed, spent and stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.artifacts import Artifacts
from pipeline.job import ADDRESS_REVIEW, FIX_ISSUE, PullRef, Subject
from pipeline.leased_run import read_result
from pipeline.money import to_usd
from pipeline.outcome import Outcome
from pipeline.pushes import pushed_commit
from pipeline.run_key import RunKey
from pipeline.store.contract import RunRow
from pipeline.store.reader import StoreReader

ResultT = TypeVar("ResultT", bound=BaseModel)


@dataclass(frozen=True)
class PullRuns:
    """The runs of a pull request, oldest first: those that opened it, and those of its reviews."""

    rows: tuple[RunRow, ...]
    pushes: Mapping[str, RunKey]
    """The run that pushed a commit, or was about to push it, by the commit's SHA."""

    def source_of(self, sha: str) -> RunKey | None:
        """Return the newest run that ended with the files of a commit; None if it is not ours.

        It is the run that pushed the commit, however it ended, or a later one that answered a
        review of the commit without another one. A newer commit may have been removed by a person.
        """
        source = self.pushes.get(sha)
        pushers = set(self.pushes.values())
        newest = source
        is_head = False
        for row in self.rows:
            if row.key in pushers:
                is_head = row.key == source
            elif is_head and _is_answer(row):
                newest = row.key
        return newest

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
        pushes: dict[str, RunKey] = {}
        for job_id in {row.job_id for row in rows}:
            for effect in self._store.effects(job_id):
                sha = pushed_commit(effect)
                if sha is not None:
                    pushes[sha] = RunKey(job_id, effect.generation)
        return PullRuns(tuple(rows), pushes)

    def read(self, key: RunKey, stage: str, kind: type[ResultT]) -> ResultT | None:
        """Return the newest result of a run's stage; None if it is not stored any more."""
        for checkpoint in reversed(self._store.checkpoints(key)):
            if checkpoint.stage == stage:
                try:
                    return read_result(self._artifacts, checkpoint, kind)
                except (FileNotFoundError, ValidationError):
                    return None
        return None


def _is_answer(row: RunRow) -> bool:
    """Return whether a run answered a review and pushed nothing."""
    is_without_change = row.outcome == Outcome.NO_CHANGE_NEEDED
    return row.job_type == ADDRESS_REVIEW and is_without_change and _asked_model(row)


def _asked_model(row: RunRow) -> bool:
    """Return whether a model was asked, perhaps one that costs nothing."""
    return row.model is not None or row.micro_usd > 0
