"""A run's stored results: which of them stand in the current round, and how they are written and
read.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel

from pipeline.artifacts import Artifacts
from pipeline.run_key import RunKey
from pipeline.stage import Pipeline
from pipeline.store.contract import Checkpoint, Lease, Round, RunStore

Result = TypeVar("Result", bound=BaseModel)

#: Bytes above which a result's body is an artifact and the store holds its key (a DynamoDB item
#: takes 400 KB).
OFFLOAD_BYTES = 200_000


def standing(
    pipeline: Pipeline, checkpoints: Sequence[Checkpoint], rounds: Sequence[Round]
) -> dict[str, Checkpoint]:
    """The checkpoint that stands for each stage: a round that went back to a stage lets go of it
    and what follows.
    """
    kept: dict[str, Checkpoint] = {}
    opened = {1: None} | {r.number: r.to for r in rounds}
    for number in sorted(opened):
        to = opened[number]
        if to is not None:
            kept = {
                name: c for name, c in kept.items() if pipeline.index(name) < pipeline.index(to)
            }
        kept |= {c.stage: c for c in checkpoints if c.round == number and c.stage in pipeline.names}
    return kept


def write(
    store: RunStore,
    artifacts: Artifacts,
    lease: Lease,
    result: BaseModel,
    *,
    round: int,
    stage: str,
    seconds: float,
    now: float,
) -> bool:
    """Store a stage's result; a large body goes to the artifacts first. True: a cancellation was
    asked for.
    """
    body = result.model_dump_json()
    data = body.encode()
    offload = len(data) > OFFLOAD_BYTES
    if offload:
        body = f"{lease.key.prefix}/checkpoints/{round}-{stage}-{fingerprint(data)}.json"
        artifacts.put(body, data)
    return store.save_checkpoint(lease, Checkpoint(round, stage, body, offload, seconds, now))


def keep(store: RunStore, lease: Lease, name: str, choose: Callable[[], str], now: float) -> str:
    """What the run chose under ``name``: stored beside its stages' results, at its first use."""
    for checkpoint in store.checkpoints(lease.key):
        if checkpoint.stage == f"kept:{name}":
            return checkpoint.result
    chosen = choose()
    store.save_checkpoint(lease, Checkpoint(0, f"kept:{name}", chosen, False, 0.0, now))
    return chosen


def fingerprint(data: bytes) -> str:
    """Part of an artifact's key: no lease guards artifacts, so a delivery that lost its own must not write over what
    the next one has stored."""
    return hashlib.sha256(data).hexdigest()[:12]


def read(artifacts: Artifacts, checkpoint: Checkpoint, kind: type[Result]) -> Result:
    body = artifacts.get(checkpoint.result).decode() if checkpoint.offloaded else checkpoint.result
    return kind.model_validate_json(body)


def inherit(
    pipeline: Pipeline,
    store: RunStore,
    artifacts: Artifacts,
    lease: Lease,
    from_stage: str,
    now: float,
) -> None:
    """A replay from a stage: the last generation's results before that stage become this one's, at no time and cost.

    Done at each delivery: the last may have died half way.
    """
    before = RunKey(lease.job_id, lease.generation - 1)
    own = {c.stage for c in store.checkpoints(lease.key)}
    kept = standing(pipeline, store.checkpoints(before), store.rounds(before))
    for step in pipeline.steps[: pipeline.index(from_stage)]:
        if step.name in own:
            continue
        if step.name not in kept or step.gives is None:
            return
        result = read(artifacts, kept[step.name], step.gives)
        write(store, artifacts, lease, result, round=1, stage=step.name, seconds=0.0, now=now)
