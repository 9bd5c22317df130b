"""What a run changed outside: its branch, its pull request and its replies."""

from dataclasses import dataclass

from pydantic import ValidationError

from console.runs.source import RunSource
from pipeline.pushes import PUSH
from pipeline.store.contract import Effect
from stages.address_review import REPLY, PlannedReply
from stages.open_pr import PULL_REQUEST, PlannedCommit, PlannedPull


@dataclass(frozen=True)
class EffectReport:
    """An effect, intended or done."""

    name: str
    intended_at: float
    """Seconds since the epoch."""
    is_done: bool
    summary: str
    """In a few words: a branch and a commit, a pull request's title, or what is replied to."""
    text: str = ""
    """The commit's message, or the text of the pull request or the reply."""
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
    if effect.name.startswith(REPLY):
        reply = PlannedReply.model_validate(effect.intention)
        url = (effect.result or {}).get("url")
        return EffectReport("reply", effect.created_at, is_done, f"to {reply.key}", reply.body, url)
    return _of_other_kind(effect)


def _of_other_kind(effect: Effect) -> EffectReport:
    return EffectReport(effect.name, effect.created_at, effect.result is not None, effect.name)
