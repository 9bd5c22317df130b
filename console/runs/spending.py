"""What a run spent, by stage and by model, against its limits."""

from collections.abc import Sequence
from dataclasses import dataclass

from console.runs.calls import ModelCall
from console.runs.spans import Span
from pipeline.budget import EffectiveLimits


@dataclass(frozen=True)
class StageSpend:
    """The time and money of one stage over all rounds."""

    stage: str
    seconds: float
    calls: int
    cost_usd: float


@dataclass(frozen=True)
class ModelSpend:
    """What one model answered and cost. Tokens are those of answered calls."""

    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


@dataclass(frozen=True)
class Spending:
    """Money and time of a run."""

    cost_usd: float
    """Paid, or kept for calls without an answer that may have been charged."""
    kept_usd: float
    """The part that is kept for calls without an answer."""
    seconds: float
    """Seconds of work over all deliveries, waiting left out."""
    limits: EffectiveLimits
    stages: tuple[StageSpend, ...]
    """In the order in which they first ran."""
    models: tuple[ModelSpend, ...]
    """The most expensive first."""


def add_up(
    calls: Sequence[ModelCall], stages: Sequence[Span], seconds: float, limits: EffectiveLimits
) -> Spending:
    """Return the sums of a run's calls and stages."""
    kept = [call.cost_usd for call in calls if call.state in ("reserved", "cut")]
    return Spending(
        cost_usd=sum(call.cost_usd for call in calls),
        kept_usd=sum(kept),
        seconds=seconds,
        limits=limits,
        stages=_by_stage(calls, stages),
        models=_by_model(calls),
    )


def _by_stage(calls: Sequence[ModelCall], stages: Sequence[Span]) -> tuple[StageSpend, ...]:
    names = dict.fromkeys([span.name for span in stages] + [call.stage for call in calls])
    spends: list[StageSpend] = []
    for name in names:
        of_stage = [call for call in calls if call.stage == name]
        durations = [span.seconds for span in stages if span.name == name]
        spends.append(
            StageSpend(
                stage=name,
                seconds=sum(seconds for seconds in durations if seconds is not None),
                calls=len(of_stage),
                cost_usd=sum(call.cost_usd for call in of_stage),
            )
        )
    return tuple(spends)


def _by_model(calls: Sequence[ModelCall]) -> tuple[ModelSpend, ...]:
    spends: list[ModelSpend] = []
    for model in dict.fromkeys(call.model for call in calls):
        of_model = [call for call in calls if call.model == model]
        answers = [call.answer for call in of_model if call.answer is not None]
        spends.append(
            ModelSpend(
                model=model,
                calls=len(of_model),
                prompt_tokens=sum(answer.prompt_tokens for answer in answers),
                completion_tokens=sum(answer.completion_tokens for answer in answers),
                cost_usd=sum(call.cost_usd for call in of_model),
            )
        )
    return tuple(sorted(spends, key=lambda spend: -spend.cost_usd))
