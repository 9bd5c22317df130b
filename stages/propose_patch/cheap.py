"""The strategy ``cheap``: one call a round."""

from pipeline.stage import Back, Stop
from stages.propose_patch.results import Proposal, Proposals
from stages.propose_patch.task import Task, back, needs_info, unusable


async def propose(task: Task) -> Proposals | Back | Stop:
    reply, key = await task.ask_for_change("")
    if because := unusable(reply):
        return back(because)
    if stop := needs_info(reply.content, key):
        return stop
    return task.proposals([Proposal(reply=reply.content, exchange_key=key, model=reply.model)])
