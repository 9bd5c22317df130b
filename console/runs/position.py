"""Where a run is that has not ended: its stage, its round and the agent's step.

This is asked again every few seconds: only the run's newest checkpoints are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from console.runs.agent_steps import steps_by_attempt
from console.runs.source import stage_without_result
from pipeline.leased_run import is_stage_result
from pipeline.store.contract import Checkpoint, RunRow
from pipeline.store.reader import StoreReader
from stages.order import ORDERS
from stages.propose_patch.results import STAGE as PROPOSE_PATCH

#: Checkpoints that are read of a run: the newest ones. Its first round stores about as many before
#: the agent's first step.
NEWEST = 20


@dataclass(frozen=True)
class Position:
    stage: str
    """The stage that is at work."""
    round: int
    step: int | None
    """The agent's steps that are stored so far; None if the stage is not an agent's."""


def read_position(store: StoreReader, run: RunRow) -> Position:
    """Return where a run is. The store is asked once, and a second time in a later round."""
    newest = store.newest_checkpoints(run.key, NEWEST)
    step = _running_step(newest)
    if step is not None:
        return Position(PROPOSE_PATCH, run.round, step)
    return Position(_running_stage(store, run, newest), run.round, None)


def _running_step(newest: Sequence[Checkpoint]) -> int | None:
    """Return the number of the step that was stored last, if no stage's result came after it."""
    since_result: list[Checkpoint] = []
    for checkpoint in newest:
        if is_stage_result(checkpoint):
            break
        since_result.append(checkpoint)
    attempts = steps_by_attempt(since_result)
    if not attempts:
        return None
    last_attempt = attempts[max(attempts)]
    numbers = [int(checkpoint.stage.rpartition("-")[2]) for checkpoint in last_attempt]
    return max(numbers)


def _running_stage(store: StoreReader, run: RunRow, newest: Sequence[Checkpoint]) -> str:
    results = [checkpoint for checkpoint in reversed(newest) if is_stage_result(checkpoint)]
    names = ORDERS[run.job_type].names
    opened_at = names[0]
    for opened in store.rounds(run.key) if run.round > 1 else ():
        if opened.number == run.round:
            opened_at = opened.to
    return stage_without_result(names, results, run.round, opened_at) or opened_at
