"""What a run left outside before it ended: the outcome names its branch and its pull request."""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.leased_run import LeasedRun
from pipeline.outcome import Facts, Outcome
from pipeline.stage import HasEffects, Pipeline, Stop
from pipeline.store.contract import Effect

#: Outcomes whose reasons say themselves what was pushed.
_SAY_IT_THEMSELVES = (Outcome.PR_OPENED, Outcome.PR_UPDATED, Outcome.PROPOSED)


async def name_effects(pipeline: Pipeline, run: LeasedRun, stop: Stop) -> Stop:
    """Return the run's end with what its effects left outside among its facts and in its reason."""
    effects = [effect for effect in await run.effects() if effect.generation == run.key.generation]
    done = _facts_of(pipeline, [effect for effect in effects if effect.result is not None])
    reason = stop.reason
    if stop.outcome not in _SAY_IT_THEMSELVES:
        reason += _describe(done)
    if stop.outcome is Outcome.FAILED and done.branch is None:
        # The reply to a push that succeeded may have been lost.
        intended = _facts_of(pipeline, effects)
        if intended.branch is not None:
            done = intended
            reason += f"; it may have pushed branch {intended.branch}"
    return replace(stop, reason=reason, facts=done.merged(stop.facts))


def _facts_of(pipeline: Pipeline, effects: Sequence[Effect]) -> Facts:
    facts = Facts()
    for step in pipeline.steps:
        if isinstance(step.stage, HasEffects):
            facts = facts.merged(step.stage.effect_facts(effects))
    return facts


def _describe(done: Facts) -> str:
    if done.pull_request_number is not None:
        return f"; it had opened pull request #{done.pull_request_number}"
    if done.branch is not None:
        return f"; it had pushed branch {done.branch}"
    return ""
