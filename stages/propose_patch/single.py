"""The strategy ``single``: one model call per round."""

import asyncio

from pipeline.model.failures import ModelError
from pipeline.stage import Back, Stop
from stages.propose_patch.model_session import SYSTEM, USER, Exchange, Question, room_after
from stages.propose_patch.replies import read_needs_info, unusable_reason
from stages.propose_patch.results import STAGE, Proposals
from stages.propose_patch.round_note import CutOffNote, count_cut_replies
from stages.propose_patch.task import Task

#: (divisor, label): a prompt that is too long is sent with 1/divisor of its files.
_SHORTER_PROMPTS = ((1, ""), (2, "half"), (4, "quarter"))


async def propose(task: Task) -> Proposals | Back | Stop:
    exchange = await _ask_for_change(task)
    because = unusable_reason(exchange.reply)
    if because is not None:
        note = CutOffNote(cut_off=exchange.reply.cut_off, exchange_key=exchange.key)
        return Back(to=STAGE, because=because, note=note)
    stop = read_needs_info(exchange.reply.content, exchange.key)
    if stop is not None:
        return stop
    return task.proposals([exchange.proposal()])


async def _ask_for_change(task: Task) -> Exchange:
    """Ask for a change; if the prompt exceeds the model's context, with fewer files.

    Raises:
        Halt: the run is over.
    """
    for divisor, label in _SHORTER_PROMPTS:
        try:
            return await _ask_with_files(task, divisor, label)
        except ModelError as error:
            task.run.progress("the prompt is longer than the model's context")
            too_long = error
    raise too_long.verdict()


async def _ask_with_files(task: Task, divisor: int, label: str) -> Exchange:
    files = task.context.files
    count = -(-len(files) // divisor)  # rounded up
    variables = {
        **task.variables,
        "files": files[:count],
        "listing": task.context.listing if divisor == 1 else (),
    }
    messages = await asyncio.to_thread(task.session.render_prompt, SYSTEM, USER, variables)
    room = room_after(count_cut_replies(task.run))
    return await task.session.ask(Question(label=label, messages=messages, room=room))
