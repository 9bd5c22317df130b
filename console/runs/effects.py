"""What a run changed outside: its branch and its pull request."""

from dataclasses import dataclass

from pydantic import ValidationError

from console.runs.source import RunSource
from pipeline.pushes import PUSH
from pipeline.store.contract import Effect
from stages.open_pr import PULL_REQUEST, PlannedCommit, PlannedPull


@dataclass(frozen=True)
class EffectReport:
    """An effect, intended or done."""

    name: str
    intended_at: float
    """Seconds since the epoch."""
    is_done: bool
    summary: str
    """What it is, in a few words: a branch and a commit, or the title of a pull request."""
    text: str = ""
    """The commit's message, or the body of the pull request."""
    url: str | None = None
    """Where it can be seen."""


def read_effects(source: RunSource) -> tuple[EffectReport, ...]:
    """Return the run's effects, oldest first."""
    return tuple(_report(effect) for effect in source.effects)


def _report(effect: Effect) -> EffectReport:
    try:
        return _of_known_kind(effect)
    except ValidationError:  # from another version
        return _of_other_kind(effect)


def _of_known_kind(effect: Effect) -> EffectReport:
    is_done = effect.result is not None
    if effect.name == PUSH:
        commit = PlannedCommit.model_validate(effect.intention)
        summary = f"commit {commit.sha[:12]} on branch {commit.branch}"
        return EffectReport(effect.name, effect.created_at, is_done, summary, commit.message)
    if effect.name == PULL_REQUEST:
        pull = PlannedPull.model_validate(effect.intention)
        url = (effect.result or {}).get("url")
        return EffectReport(effect.name, effect.created_at, is_done, pull.title, pull.body, url)
    return _of_other_kind(effect)


def _of_other_kind(effect: Effect) -> EffectReport:
    return EffectReport(effect.name, effect.created_at, effect.result is not None, effect.name)
