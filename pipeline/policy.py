"""What a deployment allows its runs, and where it publishes their events."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pipeline.budget import EffectiveLimits
from pipeline.job import FixIssueJob
from pipeline.money import to_micro_usd
from pipeline.store.contract import MoneyCaps


def _no_template_sets(_: str) -> str | None:
    return "there are none"


@dataclass(frozen=True)
class Allowed:
    """What this deployment accepts from a job."""

    host: str = "github.com"
    """The issues' host: github.com, an Enterprise host, or ``file`` for a local repository."""
    repositories: tuple[str, ...] = ("*",)
    """Patterns of OWNER/NAME."""
    models: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    refuse_template_set: Callable[[str], str | None] = _no_template_sets
    """Returns why the template set with this hash can't be used; None if it can."""

    def refusal(self, job: FixIssueJob) -> str | None:
        """Return why the job is rejected, in one sentence; None if it is allowed.

        Blocks, since it may read a template set.
        """
        ref = job.issue
        if ref.host != self.host:
            return f"this deployment works for issues at {self.host}; this one is at {ref.host}"
        if not self._allows_repository(ref.repository):
            return f"{ref.repository} is not in CODING_AGENT_ALLOWED_REPOSITORIES"
        for model in _requested_models(job):
            if model not in self.models:
                return f"model {model!r} is not in CODING_AGENT_ALLOWED_MODELS"
        if job.callback_topic_arn and job.callback_topic_arn not in self.topics:
            return "callback_topic_arn is not in CODING_AGENT_ALLOWED_TOPICS"
        if job.replay is not None and job.replay.template_set:
            reason = self.refuse_template_set(job.replay.template_set)
            if reason:
                return f"replay.template_set: {reason}"
        return None

    def _allows_repository(self, repository: str) -> bool:
        for pattern in self.repositories:
            if pattern == "*" or fnmatchcase(repository, pattern.lower()):
                return True
        return False


def _requested_models(job: FixIssueJob) -> list[str]:
    models = [job.options.model]
    if job.replay is not None:
        models.append(job.replay.model)
    return [model for model in models if model]


@dataclass(frozen=True)
class Policy:
    """What the deployment allows its runs, and where it publishes their events."""

    limits: EffectiveLimits
    """The most that a job may ask for."""
    max_cost_usd_per_repository_day: float
    max_cost_usd_per_day: float
    topic_arn: str | None = None
    allowed: Allowed = Allowed()

    def limits_of(self, job: FixIssueJob) -> EffectiveLimits:
        """Return the job's limits, capped by the deployment's."""
        ceiling = self.limits
        requested = job.limits
        return EffectiveLimits(
            max_cost_usd=min(requested.max_cost_usd or ceiling.max_cost_usd, ceiling.max_cost_usd),
            max_minutes=min(requested.max_minutes or ceiling.max_minutes, ceiling.max_minutes),
            max_rounds=min(requested.max_rounds or ceiling.max_rounds, ceiling.max_rounds),
        )

    def caps_of(self, limits: EffectiveLimits) -> MoneyCaps:
        """Return the caps of a run with these limits.

        A run's cap is at most the budget of a whole day: otherwise it could wait forever.
        """
        repository_day = to_micro_usd(self.max_cost_usd_per_repository_day)
        day = to_micro_usd(self.max_cost_usd_per_day)
        run = min(to_micro_usd(limits.max_cost_usd), repository_day, day)
        return MoneyCaps(run=run, repository_day=repository_day, day=day)

    def topic_of(self, job: FixIssueJob | None) -> str | None:
        """Return the topic for the job's events: its own if that is allowed, else the default."""
        if job is not None and job.callback_topic_arn in self.allowed.topics:
            return job.callback_topic_arn
        return self.topic_arn
