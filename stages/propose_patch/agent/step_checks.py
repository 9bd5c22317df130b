"""Check a step as a whole: what the harness says about it, and whether it ends the round."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.model import ModelReply
from pipeline.repetition import is_repeating
from repository.testing.run.output import normalize_output
from stages.propose_patch.agent import messages
from stages.propose_patch.agent.protocol import has_edits_beside_calls
from stages.propose_patch.agent.steps import Observation, StepRecord
from stages.propose_patch.replies import describe_cut

#: A round ends after this many replies in a row without a valid call.
MAX_IDLE_REPLIES = 5
#: Number of times a step, or an alternating pair of steps, must occur in a row.
REPEATS = 3


@dataclass(frozen=True)
class StepCheck:
    """The result of checking a step."""

    notes: tuple[str, ...]
    """The harness's sentences for the model."""
    ending: str | None = None
    """Why the round ends with the step; None if it continues."""
    reminded: bool = False


async def check_step(
    record: StepRecord,
    earlier: Sequence[StepRecord],
    workspace: Path,
    nearly_used: Callable[[int], Awaitable[str | None]],
) -> StepCheck:
    """Check a step whose calls do not end the round.

    Args:
        record: the step.
        earlier: the earlier steps of the round.
        workspace: the run's folder, which results may name.
        nearly_used: returns how much of the nearest limit a number of steps used, if it is near.
    """
    records = [*earlier, record]
    notes: list[str] = []
    ending: str | None = None
    turns = [_turn(each, workspace) for each in records[-2 * REPEATS :]]
    if is_repeating(turns, REPEATS):
        notes.append(messages.REPEATING)
        if earlier and messages.REPEATING in earlier[-1].notes:
            ending = "the model repeated itself"
    if _count_idle_replies(records) >= MAX_IDLE_REPLIES:
        ending = f"{MAX_IDLE_REPLIES} replies in a row had no valid call"
    used = None
    if not any(past.reminded for past in earlier):
        used = await nearly_used(len(records))
    if used is not None:
        notes.append(messages.reminder(used))
    return StepCheck(tuple(notes), ending, used is not None)


def describe_reply(reply: ModelReply, observations: Sequence[Observation]) -> tuple[str, ...]:
    """Describe what was wrong with a reply as a whole."""
    if reply.refused:
        return (messages.REFUSED,)
    if reply.cut_off:
        return (describe_cut(reply.completion_tokens),)
    if observations:
        return (messages.EDITS_BESIDE_CALLS,) if has_edits_beside_calls(reply) else ()
    return (messages.TALK if reply.content.strip() else messages.EMPTY,)


def _turn(record: StepRecord, workspace: Path) -> tuple[tuple[str, str], ...]:
    """Return a step's calls and results, without durations and addresses."""
    turn: list[tuple[str, str]] = []
    for observation in record.observations:
        turn.append((observation.call, normalize_output(observation.text, workspace)))
    return tuple(turn)


def _count_idle_replies(records: Sequence[StepRecord]) -> int:
    """Count the replies without a valid call, from the last one backwards."""
    count = 0
    for record in reversed(records):
        if any(observation.understood for observation in record.observations):
            break
        count += 1
    return count
