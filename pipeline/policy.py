"""What a deployment allows its runs, and where it tells the world of them."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pipeline.budget import EffectiveLimits
from pipeline.job import FixIssueJob
from pipeline.model.ledger import micro
from pipeline.store.contract import MoneyCaps


@dataclass(frozen=True)
class Allowed:
    """What this deployment takes from a job."""

    host: str = "github.com"
    """Whose issues: github.com, an Enterprise host, or ``file`` for a local repository."""
    repositories: tuple[str, ...] = ("*",)
    models: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    template_set: Callable[[str], str | None] = lambda _: "there are none"
    """Why the set of templates with this hash can't be used; None where it can."""

    def refusal(self, job: FixIssueJob) -> str | None:
        """Why the job is rejected, in one sentence; None where it is allowed. Blocks: a set of
        templates is read.
        """
        ref = job.issue
        asked = [job.options.model, job.replay.model if job.replay else None]
        if ref.host != self.host:
            return f"this deployment works for issues at {self.host}; this one is at {ref.host}"
        if not any(
            pattern == "*" or fnmatchcase(ref.repository, pattern.lower())
            for pattern in self.repositories
        ):
            return f"{ref.repository} is not in CODING_AGENT_ALLOWED_REPOSITORIES"
        for model in filter(None, asked):
            if model not in self.models:
                return f"model {model!r} is not in CODING_AGENT_ALLOWED_MODELS"
        if job.callback_topic_arn and job.callback_topic_arn not in self.topics:
            return "callback_topic_arn is not in CODING_AGENT_ALLOWED_TOPICS"
        template_set = job.replay.template_set if job.replay else None
        if template_set and (why := self.template_set(template_set)):
            return f"replay.template_set: {why}"
        return None


@dataclass(frozen=True)
class Policy:
    """What the deployment allows and where it tells the world."""

    limits: EffectiveLimits
    """The ceiling of what a job may ask."""
    max_cost_usd_per_repository_day: float
    max_cost_usd_per_day: float
    topic_arn: str | None = None
    allowed: Allowed = Allowed()

    def limits_of(self, job: FixIssueJob) -> EffectiveLimits:
        asked = job.limits
        return EffectiveLimits(
            max_cost_usd=min(
                asked.max_cost_usd or self.limits.max_cost_usd, self.limits.max_cost_usd
            ),
            max_minutes=min(asked.max_minutes or self.limits.max_minutes, self.limits.max_minutes),
            max_rounds=min(asked.max_rounds or self.limits.max_rounds, self.limits.max_rounds),
        )

    def caps_of(self, limits: EffectiveLimits) -> MoneyCaps:
        """A run may not ask for more than a whole day holds: it would wait for ever."""
        repository_day = micro(self.max_cost_usd_per_repository_day)
        day = micro(self.max_cost_usd_per_day)
        return MoneyCaps(min(micro(limits.max_cost_usd), repository_day, day), repository_day, day)

    def topic_of(self, job: FixIssueJob | None) -> str | None:
        asked = job.callback_topic_arn if job else None
        return asked if asked in self.allowed.topics else self.topic_arn
