"""The strategy ``balanced``: a reproduction test once a run, then several candidates a round,
chosen by tests.

After Agentless (https://arxiv.org/abs/2407.01489): regressions, the reproduction test, the
majority. ``run_tests`` chooses."""

from collections.abc import Sequence

from pipeline.errors import Halt
from pipeline.stage import Back, Stop
from stages.propose_patch.reproduction import reproduce
from stages.propose_patch.results import Proposal, Proposals
from stages.propose_patch.task import LESS, Task, back, needs_info, unusable


async def propose(
    task: Task, candidates: int, temperature: float, models: Sequence[str]
) -> Proposals | Back | Stop:
    """``models`` are asked in turn; the first candidate is made at the task's own temperature."""
    found = await reproduce(task)
    if found.stop is not None:
        return found.stop
    proposals = [found.proposal] if found.proposal and task.run.round == 1 else []
    refusals: list[str] = []
    asks: list[Stop] = []
    whom = [models[number % len(models)] if models else None for number in range(candidates)]
    for number, model in enumerate(whom):
        try:
            reply, key = await task.ask_for_change(
                f"candidate-{number}",
                sample=number,
                reproduction=found.test,
                model=model,
                reused=whom.count(model) > 1,
                temperature=task.temperature if number == 0 else max(temperature, task.temperature),
            )
        except Halt as halt:
            if halt.outcome not in LESS or not proposals:
                raise
            task.run.progress(
                f"{halt.reason}: going on with {len(proposals)} of {candidates} candidates"
            )
            break
        if because := unusable(reply):
            refusals.append(because)
        elif stop := needs_info(reply.content, key):
            asks.append(stop)
        else:
            proposals.append(Proposal(reply=reply.content, exchange_key=key, model=reply.model))
    if proposals:
        return task.proposals(proposals, reproduction=found.test)
    return asks[0] if asks else back(refusals[0])
