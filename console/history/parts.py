"""Read the parts of a run for the history: its calls, stages, rounds, tests and metadata."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from console.history.records import (
    CALLS,
    METADATA,
    ROUNDS,
    STAGES,
    TESTS,
    CallRecord,
    MetadataRecord,
    Record,
    RoundRecord,
    StageRecord,
    Table,
    TestRecord,
)
from console.history.runs import stored_result
from pipeline.artifacts import Artifacts
from pipeline.clock import iso_time
from pipeline.leased_run import is_stage_result, read_result
from pipeline.money import to_usd
from pipeline.store.contract import Call, Checkpoint, Round, RunRow
from pipeline.store.reader import StoreReader
from stages.run_tests import RunTests, Verdict

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PartReader:
    """Reads the parts of runs, with three queries a run."""

    store: StoreReader
    artifacts: Artifacts
    """Contains the results that are too large for the store."""

    def read(self, row: RunRow) -> dict[Table, list[Record]]:
        """Return the records of a run's parts by table."""
        checkpoints = [part for part in self.store.checkpoints(row.key) if is_stage_result(part)]
        run = row.key.prefix
        return {
            CALLS: [_call_record(run, call) for call in self.store.calls(row.key)],
            STAGES: [_stage_record(run, checkpoint) for checkpoint in checkpoints],
            ROUNDS: [_round_record(run, opened) for opened in self.store.rounds(row.key)],
            TESTS: list(self._test_records(run, checkpoints)),
            METADATA: _metadata_records(run, row),
        }

    def _test_records(self, run: str, checkpoints: list[Checkpoint]) -> Iterator[Record]:
        for checkpoint in checkpoints:
            if checkpoint.stage == RunTests.name:
                for result, tests in self._tests_by_result(run, checkpoint).items():
                    for test in tests:
                        yield TestRecord(run=run, round=checkpoint.round, test=test, result=result)

    def _tests_by_result(self, run: str, checkpoint: Checkpoint) -> dict[str, tuple[str, ...]]:
        """Return the tests that a verdict names; none if it can't be read."""
        try:
            verdict = read_result(self.artifacts, checkpoint, Verdict)
        except (ValidationError, OSError):
            log.warning("run %s: the tests of round %d can't be read", run, checkpoint.round)
            return {}
        return {
            "fixed": verdict.fixed,
            "still failing": verdict.still_failing,
            "regressed": verdict.regressed,
            "flaky": verdict.flaky,
            "could not run": verdict.could_not_run,
        }


def _call_record(run: str, call: Call) -> CallRecord:
    return CallRecord(
        run=run,
        call=call.key,
        attempt=call.attempt,
        model=call.model,
        state=call.state,
        cost_usd=to_usd(call.micro_usd),
        created_at=iso_time(call.created_at),
    )


def _stage_record(run: str, checkpoint: Checkpoint) -> StageRecord:
    return StageRecord(
        run=run,
        round=checkpoint.round,
        stage=checkpoint.stage,
        seconds=checkpoint.seconds,
        finished_at=iso_time(checkpoint.created_at),
    )


def _round_record(run: str, opened: Round) -> RoundRecord:
    return RoundRecord(run=run, round=opened.number, stage=opened.to, reason=opened.because)


def _metadata_records(run: str, row: RunRow) -> list[Record]:
    result = stored_result(row)
    if result is None:
        return []
    return [
        MetadataRecord(run=run, name=name, value=value) for name, value in result.metadata.items()
    ]
