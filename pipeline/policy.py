"""What a deployment allows its runs, and where it tells the world of them."""

from dataclasses import dataclass

from pipeline.budget import micro
from pipeline.job import FixIssueJob
from pipeline.stage import EffectiveLimits
from pipeline.store.base import MoneyCaps


@dataclass(frozen=True)
class Policy:
    """What the deployment allows and where it tells the world."""

    limits: EffectiveLimits
    """The ceiling of what a job may ask."""
    max_cost_usd_per_repository_day: float
    max_cost_usd_per_day: float
    topic_arn: str | None = None
    allowed_topics: tuple[str, ...] = ()

    def limits_of(self, job: FixIssueJob) -> EffectiveLimits:
        asked = job.limits
        return EffectiveLimits(
            max_cost_usd=min(asked.max_cost_usd or self.limits.max_cost_usd, self.limits.max_cost_usd),
            max_minutes=min(asked.max_minutes or self.limits.max_minutes, self.limits.max_minutes),
            max_rounds=min(asked.max_rounds or self.limits.max_rounds, self.limits.max_rounds),
        )

    def caps_of(self, limits: EffectiveLimits) -> MoneyCaps:
        """A run may not ask for more than a whole day holds: it would wait for ever."""
        repository_day, day = micro(self.max_cost_usd_per_repository_day), micro(self.max_cost_usd_per_day)
        return MoneyCaps(min(micro(limits.max_cost_usd), repository_day, day), repository_day, day)

    def topic_of(self, job: FixIssueJob | None) -> str | None:
        asked = job.callback_topic_arn if job else None
        return asked if asked in self.allowed_topics else self.topic_arn
