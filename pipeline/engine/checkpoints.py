"""Which of a run's stored results are valid in the current round, and which a replay inherits."""

from collections.abc import Sequence

from pipeline.leased_run import LeasedRun
from pipeline.run_key import RunKey
from pipeline.stage import Pipeline
from pipeline.store.contract import Checkpoint, Round


def find_valid(
    pipeline: Pipeline, checkpoints: Sequence[Checkpoint], rounds: Sequence[Round]
) -> dict[str, Checkpoint]:
    """Return the valid checkpoint of each stage that has one.

    A round that goes back to a stage drops the results of that stage and of all later ones.
    """
    names = pipeline.names
    result = _of_round(names, checkpoints, 1)
    for opened in sorted(rounds, key=_number):
        dropped = names[names.index(opened.to) :]
        for name in dropped:
            result.pop(name, None)
        results_of_round = _of_round(names, checkpoints, opened.number)
        result.update(results_of_round)
    return result


def _number(opened: Round) -> int:
    return opened.number


def _of_round(
    names: Sequence[str], checkpoints: Sequence[Checkpoint], number: int
) -> dict[str, Checkpoint]:
    """Return a round's results, except those of stages that the pipeline no longer has."""
    result: dict[str, Checkpoint] = {}
    for checkpoint in checkpoints:
        is_of_round = checkpoint.round == number
        if is_of_round and checkpoint.stage in names:
            result[checkpoint.stage] = checkpoint
    return result


async def inherit(pipeline: Pipeline, run: LeasedRun, from_stage: str) -> None:
    """Copy the previous generation's results of the stages before ``from_stage``.

    They cost no time and no money. Every delivery of a replay does this, since the previous one may
    have died half-way.
    """
    previous = RunKey(run.key.job_id, run.key.generation - 1)
    stored = await run.checkpoints(previous)
    rounds = await run.rounds(previous)
    inherited = find_valid(pipeline, stored, rounds)
    own = {checkpoint.stage for checkpoint in await run.checkpoints()}
    end = pipeline.index(from_stage)
    for step in pipeline.steps[:end]:
        if step.name in own:
            continue
        if step.name not in inherited or step.gives is None:
            return
        result = await run.read_result(inherited[step.name], step.gives)
        await run.save_result(result, round=1, stage=step.name, seconds=0.0)
