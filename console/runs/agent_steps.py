"""What the agent did in a run: the stored steps of each attempt."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from console.runs.source import RunSource
from pipeline.leased_run import REMEMBERED
from pipeline.store.contract import Checkpoint
from stages.propose_patch.agent.steps import StepRecord

_STEP = re.compile(rf"{REMEMBERED}attempt-(?P<attempt>\d{{1,6}})/step-\d{{1,9}}")


@dataclass(frozen=True)
class AgentStep:
    """One step of an attempt."""

    attempt: int
    record: StepRecord
    stored_at: float
    """When it ended, in seconds since the epoch."""

    @property
    def title(self) -> str:
        """``step 17``; of a further attempt ``attempt 2, step 17``."""
        step = f"step {self.record.number}"
        return step if self.attempt == 1 else f"attempt {self.attempt}, {step}"

    @property
    def call_key(self) -> str:
        """The key of the model call that it is the answer to."""
        return f"run/{self.record.label}"


def steps_by_attempt(checkpoints: Sequence[Checkpoint]) -> dict[int, list[Checkpoint]]:
    """Return the checkpoints that hold an agent's steps, by the number of the attempt."""
    attempts: dict[int, list[Checkpoint]] = {}
    for checkpoint in checkpoints:
        step = _STEP.fullmatch(checkpoint.stage)
        if step is not None:
            attempts.setdefault(int(step["attempt"]), []).append(checkpoint)
    return attempts


def read_steps(source: RunSource) -> tuple[AgentStep, ...]:
    """Return the steps of all attempts in order."""
    steps: list[AgentStep] = []
    for attempt, checkpoints in sorted(steps_by_attempt(source.checkpoints).items()):
        for checkpoint in checkpoints:
            record = source.read_checkpoint(checkpoint, StepRecord)
            if record is not None:
                steps.append(AgentStep(attempt, record, checkpoint.created_at))
    return tuple(sorted(steps, key=lambda step: (step.attempt, step.record.number)))
