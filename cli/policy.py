"""What the settings allow: in the worker, and as far as it is known where a job is sent."""

import math
import sys
from collections.abc import Callable

from cli.backends import template_sets
from pipeline.budget import EffectiveLimits
from pipeline.policy import Allowed, Policy
from pipeline.settings import Settings
from pipeline.template_sets import TemplateSets


def worker_policy(settings: Settings, host: str, model: str, templates: TemplateSets) -> Policy:
    """Return the worker's policy.

    Args:
        host: the host whose issues are accepted; ``file`` for a local repository.
        model: the default model.
        templates: the template sets that a replay may name.
    """
    allowed = Allowed(
        host=host,
        repositories=settings.allowed_repositories,
        models=settings.allowed_models or (model,),
        topics=_allowed_topics(settings),
        refuse_template_set=templates.refusal,
    )
    return Policy(
        limits=ceiling(settings),
        max_cost_usd_per_repository_day=settings.max_cost_usd_per_repository_day,
        max_cost_usd_per_day=settings.max_cost_usd_per_day,
        max_cost_usd_per_key_day=_key_budgets(settings),
        topic_arn=settings.topic_arn,
        allowed=allowed,
    )


def ceiling(settings: Settings) -> EffectiveLimits:
    """Return the most that this deployment allows a run."""
    return EffectiveLimits(
        max_cost_usd=settings.max_cost_usd,
        max_minutes=settings.max_minutes,
        max_rounds=settings.max_rounds,
    )


def known_policy(settings: Settings) -> Policy:
    """Return the policy as far as it is set here, to refuse a job before it is sent.

    The sender's machine often has only the queue's address: what is not set here is for the worker
    to judge.
    """
    is_set = settings.model_fields_set
    limits = EffectiveLimits(
        max_cost_usd=settings.max_cost_usd if "max_cost_usd" in is_set else math.inf,
        max_minutes=settings.max_minutes if "max_minutes" in is_set else math.inf,
        max_rounds=settings.max_rounds if "max_rounds" in is_set else sys.maxsize,
    )
    models = settings.allowed_models
    if not models and settings.model:
        models = (settings.model,)
    allowed = Allowed(
        host=settings.issue_host if "github_api_url" in is_set else None,
        repositories=settings.allowed_repositories,
        models=models or None,
        topics=_allowed_topics(settings) or None,
        refuse_template_set=_refuse_template_set(settings),
    )
    return Policy(
        limits=limits,
        max_cost_usd_per_repository_day=settings.max_cost_usd_per_repository_day,
        max_cost_usd_per_day=settings.max_cost_usd_per_day,
        allowed=allowed,
    )


def _key_budgets(settings: Settings) -> dict[str, float]:
    """Return the US dollars a day of each key that has a budget of its own."""
    budgets = {}
    for key in settings.named_api_keys:
        if key.limits.max_cost_usd_per_day is not None:
            budgets[key.name] = key.limits.max_cost_usd_per_day
    return budgets


def _allowed_topics(settings: Settings) -> tuple[str, ...]:
    if settings.allowed_topics or settings.topic_arn is None:
        return settings.allowed_topics
    return (settings.topic_arn,)


def _refuse_template_set(settings: Settings) -> Callable[[str], str | None]:
    if settings.artifacts is None:
        return lambda _: None
    return template_sets(settings).refusal
