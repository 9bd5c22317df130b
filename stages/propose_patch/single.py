"""The strategy ``single``: one model call per round."""

from pipeline.stage import Back, Stop
from stages.propose_patch.replies import read_needs_info, unusable_reason
from stages.propose_patch.results import Proposals
from stages.propose_patch.task import ChangeRequest, Task, another_round, ask_for_change


async def propose(task: Task) -> Proposals | Back | Stop:
    exchange = await ask_for_change(task, ChangeRequest())
    because = unusable_reason(exchange.reply)
    if because is not None:
        return another_round(because)
    stop = read_needs_info(exchange.reply.content, exchange.key)
    if stop is not None:
        return stop
    return task.proposals([exchange.proposal()])
