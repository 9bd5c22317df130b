"""The job that runs a job again, perhaps with changes."""

from dataclasses import asdict, dataclass
from typing import Any

from pipeline.job import FixIssueJob, Limits
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


def replay_job(job: FixIssueJob, generation: int, overrides: Overrides) -> FixIssueJob:
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
    return FixIssueJob.model_validate(body)
