"""What a deployment allows its runs, and where it publishes their events."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.budget import EffectiveLimits
from pipeline.job import Job, JobRefusal
from pipeline.money import to_micro_usd
from pipeline.patterns import matches_any
from pipeline.store.contract import MoneyCaps


def _no_template_sets(_: str) -> str | None:
    return "there are none"


@dataclass(frozen=True)
class Allowed:
    """What this deployment accepts from a job."""

    host: str | None = "github.com"
    """The issues' host: github.com, an Enterprise host, or ``file`` for a local repository. None if
    it is not known here: any is accepted.
    """
    repositories: tuple[str, ...] = ("*",)
    """Patterns of OWNER/NAME."""
    models: tuple[str, ...] | None = ()
    """None if they are not known here: any is accepted."""
    topics: tuple[str, ...] | None = ()
    """None if they are not known here."""
    refuse_template_set: Callable[[str], str | None] = _no_template_sets
    """Returns why the template set with this hash can't be used; None if it can."""

    def refusal(self, job: Job) -> JobRefusal | None:
        """Return why the job is rejected; None if it is allowed.

        Blocks, since it may read a template set.
        """
        subject = job.subject
        if self.host is not None and subject.host != self.host:
            host = subject.host
            reason = f"this deployment works for issues at {self.host}; this one is at {host}"
            return JobRefusal(job.SUBJECT_FIELD, reason)
        if not self.allows(subject.repository):
            reason = f"{subject.repository} is not in CODING_AGENT_ALLOWED_REPOSITORIES"
            return JobRefusal(job.SUBJECT_FIELD, reason)
        return self._refuse_model(job) or self._refuse_topic(job) or self._refuse_templates(job)

    def _refuse_model(self, job: Job) -> JobRefusal | None:
        if self.models is None:
            return None
        requested = {"options.model": job.options.model}
        if job.replay is not None:
            requested["replay.model"] = job.replay.model
        for name, model in requested.items():
            if model and model not in self.models:
                reason = f"model {model!r} is not in CODING_AGENT_ALLOWED_MODELS"
                return JobRefusal(name, reason)
        return None

    def _refuse_topic(self, job: Job) -> JobRefusal | None:
        topic = job.callback_topic_arn
        if topic is None or self.topics is None or topic in self.topics:
            return None
        reason = "callback_topic_arn is not in CODING_AGENT_ALLOWED_TOPICS"
        return JobRefusal("callback_topic_arn", reason)

    def _refuse_templates(self, job: Job) -> JobRefusal | None:
        if job.replay is None or not job.replay.template_set:
            return None
        reason = self.refuse_template_set(job.replay.template_set)
        if not reason:
            return None
        return JobRefusal("replay.template_set", f"replay.template_set: {reason}")

    def allows(self, repository: str) -> bool:
        """Return whether jobs may name the repository."""
        return matches_any(repository, self.repositories)


@dataclass(frozen=True)
class Policy:
    """What the deployment allows its runs, and where it publishes their events."""

    limits: EffectiveLimits
    """The most that a job may ask for."""
    max_cost_usd_per_repository_day: float
    max_cost_usd_per_day: float
    topic_arn: str | None = None
    allowed: Allowed = Allowed()
    max_cost_usd_per_key_day: Mapping[str, float] = field(default_factory=dict)
    """By the name of the API key; a key that is not here has no budget of its own."""

    def refusal(self, job: Job) -> JobRefusal | None:
        """Return why a job is refused before it is queued; None if it is accepted.

        Once it is queued, limits that are too high are no reason to reject it: ``limits_of`` lowers
        them. Blocks, as ``Allowed.refusal`` does.
        """
        return self.allowed.refusal(job) or self._refuse_limits(job)

    def _refuse_limits(self, job: Job) -> JobRefusal | None:
        for name, requested in job.limits:
            ceiling = getattr(self.limits, name)
            if requested is not None and requested > ceiling:
                path = f"limits.{name}"
                reason = f"{path}: {requested:g} is more than this deployment allows, {ceiling:g}"
                return JobRefusal(path, reason)
        return None

    def limits_of(self, job: Job) -> EffectiveLimits:
        """Return the job's limits, capped by the deployment's."""
        return self.limits.lowered_to(job.limits)

    def caps_of(self, limits: EffectiveLimits, owner: str | None) -> MoneyCaps:
        """Return the caps of a run with these limits.

        A run's cap is at most the budget of a whole day: otherwise it could wait forever.

        Args:
            owner: the name of the API key that sent the job; None if it was sent to the queue.
        """
        repository_day = to_micro_usd(self.max_cost_usd_per_repository_day)
        day = to_micro_usd(self.max_cost_usd_per_day)
        run = min(to_micro_usd(limits.max_cost_usd), repository_day, day)
        key_usd = self.max_cost_usd_per_key_day.get(owner) if owner is not None else None
        if key_usd is None:
            return MoneyCaps(run=run, repository_day=repository_day, day=day)
        key_day = to_micro_usd(key_usd)
        return MoneyCaps(min(run, key_day), repository_day, day, key_day)

    def topic_of(self, job: Job | None) -> str | None:
        """Return the topic for the job's events: its own if that is allowed, else the default."""
        topics = self.allowed.topics or ()
        if job is not None and job.callback_topic_arn in topics:
            return job.callback_topic_arn
        return self.topic_arn
