"""Running a job again, perhaps with changes: the job that is sent, and its message."""

from dataclasses import asdict, dataclass
from typing import Any

from console.queues.dead_messages import DeadMessage
from pipeline.job import Job, Limits
from pipeline.queue import FAILED_GENERATION, REASON, SqsQueue
from pipeline.run_key import redrive_replay_id


@dataclass(frozen=True)
class Overrides:
    """Changes that a replay makes; None leaves the job's own value."""

    from_stage: str | None = None
    model: str | None = None
    template_set: str | None = None
    max_cost_usd: float | None = None
    max_minutes: float | None = None
    max_rounds: int | None = None

    @property
    def changes(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def replay_job(job: Job, generation: int, overrides: Overrides) -> Job:
    """Return the job that runs again after ``generation``.

    Its replay id is the one that the store gives to a plain redrive of that generation's message.
    However often and in whichever way the job is sent again, it runs once.

    Raises:
        pydantic.ValidationError: an override is out of its bounds.
    """
    body = job.model_dump(exclude_defaults=True)
    limits = body.setdefault("limits", {})
    replay = body.setdefault("replay", {})
    for name, value in overrides.changes.items():
        if name in Limits.model_fields:
            limits[name] = value
        else:
            replay[name] = value
    replay["id"] = redrive_replay_id(generation)
    return type(job).model_validate(body)


@dataclass(frozen=True)
class Replay:
    """A failed job's message, and the job that is sent in its place."""

    message: DeadMessage
    job: Job
    failed_generation: int


def plan_replay(message: DeadMessage, overrides: Overrides) -> Replay:
    """Return the replay of a message of the kind ``failed``.

    Raises:
        ValueError: the message is of another kind.
        pydantic.ValidationError: an override is out of its bounds.
    """
    generation = message.delivery.failed_generation
    if message.job is None or generation is None:
        raise ValueError(f"message {message.message_id} is not a failed job")
    return Replay(message, replay_job(message.job, generation, overrides), generation)


async def send_replay(queue: SqsQueue, replay: Replay) -> str:
    """Send a replay to the job queue, with the attributes of its sender. Return the message's id.

    The caller must still delete the dead message.
    """
    attributes = dict(replay.message.delivery.attributes)
    attributes.pop(FAILED_GENERATION, None)
    attributes.pop(REASON, None)
    return await queue.send(replay.job.to_json(), attributes)
